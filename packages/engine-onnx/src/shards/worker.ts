import { receiveMessageOnPort, workerData, type MessagePort } from 'node:worker_threads';

import type { ButcherTableau } from '@odegrad/core';

import { arrayEngine } from '@odegrad/trace';
import { createPool, release, wrap } from '@odegrad/trace';
import { type OnnxArray, type Runtime } from '../runtime/runtime.ts';
import { type FloatData } from '@odegrad/trace';
import { prepareShard, type ShardSolve, type PreparedShard } from './shard.ts';
import {
  answered,
  asked,
  failed,
  readCall,
  signal,
  waitFor,
  writeAnswer,
  type Line,
  type Message,
  type Variable,
} from './channel.ts';
import { shardMemory, type ShardMemory } from './shared-memory.ts';
import type { Session } from '../runtime/session.ts';

/** A shard of rows that this thread holds. */
interface HeldShard {
  readonly memory: ShardMemory;
  readonly opened: readonly Session[];
  readonly prepared: PreparedShard;
  /** With the variables of a solve. */
  solve: ShardSolve | undefined;
}

const { line, port } = workerData as { readonly line: Line; readonly port: MessagePort };
const pool = createPool();
const shards = new Map<number, HeldShard>();
const tableaus = new Map<number, ButcherTableau>();

function heed(message: Message): void {
  switch (message.kind) {
    case 'field': {
      const { forward, gradient, shapes, parameterShapes, float, threads } = message;
      const opened: Session[] = [];
      const runtime: Runtime = {
        float,
        pool,
        providers: ['cpu'],
        threads: undefined,
        cores: threads,
        opened,
      };
      const prepared = prepareShard(
        { forward, gradient, shapes, parameterShapes },
        { runtime, engine: arrayEngine('onnx', float) },
      );
      const memory = shardMemory(message, message.memory);
      shards.set(message.field, { prepared, memory, opened, solve: undefined });
      return;
    }
    case 'variables': {
      const shard = shards.get(message.field)!;
      pool.trim();
      const array = ({ type, dims, data }: Variable): OnnxArray => wrap(pool.kind(dims, type), data);
      shard.solve = shard.prepared.solve(message.parameters.map(array), message.others.map(array));
      return;
    }
    case 'tableau':
      tableaus.set(message.tableau, message.value);
      return;
    case 'retire':
      closeSessions(message.field);
      return;
    case 'forget':
      // Garbage is not enough: what is native is freed on the event loop, to which this thread does not come back.
      closeSessions(message.field);
      shards.delete(message.field);
  }
}

function closeSessions(field: number): void {
  shards.get(field)!.opened.forEach((session) => {
    session.release();
  });
}

function answer(): void {
  for (let next = receiveMessageOnPort(port); next; next = receiveMessageOnPort(port))
    heed(next.message as Message);
  const { field, call, inputs } = readCall(line, tableaus);
  const { memory, solve } = shards.get(field)!;
  const result = solve!.call(call, memory.inputs.slice(0, inputs));
  const give = (x: OnnxArray, room: FloatData): void => {
    room.set(x.data as FloatData);
    release(x);
  };
  result.states.forEach((state, i) => {
    state.forEach((x, k) => {
      give(x, memory.states[i]![k]!);
    });
  });
  result.parameters.forEach((x, i) => {
    give(x, memory.parameters[i]!);
  });
  writeAnswer(line, result);
}

// The thread serves calls for as long as it lives, and never comes back to its event loop.
const { signals } = line;
signal(signals, answered, 0);
for (let calls = 0; ;) {
  const now = waitFor(signals, asked, calls);
  if (now === calls) continue;
  calls = now;
  try {
    answer();
  } catch (error) {
    port.postMessage((error as Error).message);
    Atomics.store(signals, failed, 1);
  }
  signal(signals, answered, calls);
}
