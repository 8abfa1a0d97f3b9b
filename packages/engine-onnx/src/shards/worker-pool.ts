import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { MessageChannel, receiveMessageOnPort, Worker } from 'node:worker_threads';

import { EngineError, type ButcherTableau } from '@odegrad/core';

import type { ShardCall } from './shard-call.ts';
import {
  answered,
  asked,
  failed,
  openLine,
  readAnswer,
  signal,
  STARTING,
  waitFor,
  writeCall,
  type Answer,
  type Message,
} from './channel.ts';

/** A thread that holds shards of rows and is called as a function is: whoever asks waits for the answer. */
export interface PoolWorker {
  /** Told before the next call. */
  tell(message: Message): void;
  /** Starts a call on inputs that are in the shard's memory. */
  ask(field: number, call: ShardCall, inputs: number): void;
  /**
   * Waits for the call that was asked last.
   * @throws {EngineError} that the thread met.
   */
  answer(): Answer;
}

// From sources, as in this package's tests, a thread runs what was built of them: it gets no loader.
const entry = new URL(
  import.meta.url.endsWith('.ts') ? '../../dist/shards/worker.js' : './worker.js',
  import.meta.url,
);

/** Whether threads can be had: a bundle leaves their program out. */
export const hasWorkers = (): boolean => entry.protocol === 'file:' && existsSync(fileURLToPath(entry));

/** The threads of this process; they are started when they are first needed, and do not keep it alive. */
const workers: PoolWorker[] = [];

/** So many threads, the same each time. */
export function workerPool(count: number): readonly PoolWorker[] {
  while (workers.length < count) workers.push(startWorker());
  return workers.slice(0, count);
}

/** A thread that has not begun by then never will. */
const START_MS = 60_000;

function startWorker(): PoolWorker {
  const line = openLine();
  const { signals } = line;
  const { port1: port, port2 } = new MessageChannel();
  const options = { workerData: { line, port: port2 }, transferList: [port2], execArgv: [] };
  new Worker(entry, options).unref();
  port.unref();
  let calls = 0;
  let waiting = true;
  const numbers = new Map<ButcherTableau, number>();
  const numberOf = (tableau: ButcherTableau): number => {
    let number = numbers.get(tableau);
    if (number === undefined) {
      numbers.set(tableau, (number = numbers.size));
      pooled.tell({ kind: 'tableau', tableau: number, value: tableau });
    }
    return number;
  };
  const settle = (): void => {
    if (!waiting) return;
    let now = Atomics.load(signals, answered);
    if (now === STARTING && (now = waitFor(signals, answered, STARTING, START_MS)) === STARTING)
      throw new EngineError('A thread for a shard of rows did not start. Set `blocks: 1` to do without.');
    while (now !== calls) now = waitFor(signals, answered, now);
    waiting = false;
  };
  const pooled: PoolWorker = {
    tell(message) {
      port.postMessage(message);
    },
    ask(field, call, inputs) {
      settle();
      writeCall(line, field, call, call.tableau ? numberOf(call.tableau) : -1, inputs);
      calls += 1;
      waiting = true;
      signal(signals, asked, calls);
    },
    answer() {
      settle();
      if (Atomics.exchange(signals, failed, 0) === 1)
        throw new EngineError(String(receiveMessageOnPort(port)?.message));
      return readAnswer(line);
    },
  };
  return pooled;
}
