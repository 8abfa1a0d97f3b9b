import { spawn } from 'node:child_process';
import { createInterface } from 'node:readline';
import type { Check } from './workloads/spec.ts';

/** Another program that computes the same value and gradient, whenever it is asked to. */
export interface Peer {
  /** What the program calls itself. */
  readonly name: string;
  readonly check: Check;
  /** Milliseconds that so many values and gradients took, one after the other. */
  run(times: number): Promise<number>;
  close(): void;
}

/**
 * Starts a peer. Its first line is JSON with `name` and `check`; after that it answers each line of its input, a whole number
 * n, with a line of its own: the milliseconds that n values and gradients took.
 *
 * @throws if the program cannot be started, ends, or answers otherwise.
 */
export async function openPeer(program: string, args: readonly string[]): Promise<Peer> {
  const child = spawn(program, args, { stdio: 'pipe' });
  let complaint = '';
  child.stderr.on('data', (chunk: Buffer) => {
    complaint = (complaint + chunk.toString()).slice(-2000);
  });
  // What cannot be written to a program that ended is missed when its answer is read.
  child.stdin.on('error', () => undefined);
  const ended = new Promise<string>((resolve) => {
    child.on('error', (error) => {
      resolve(`could not be started: ${error.message}`);
    });
    child.on('close', (code, signal) => {
      const last = complaint.trimEnd().split('\n').at(-1);
      resolve(`ended (${signal ?? `exit status ${code!}`})${last ? `: ${last}` : ' without a word'}`);
    });
  });
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  const answer = async <T>(expected: string, isIt: (value: unknown) => value is T): Promise<T> => {
    const next = await lines.next();
    if (next.done) throw new Error(`The peer '${program}' ${await ended}`);
    const value = parsed(next.value);
    if (isIt(value)) return value;
    throw new Error(`The peer '${program}' answered '${next.value.slice(0, 100)}' in place of ${expected}.`);
  };
  try {
    const { name, check } = await answer('its name and check', isIntroduction);
    return {
      name,
      check,
      run(times) {
        child.stdin.write(`${times}\n`);
        return answer('milliseconds', isDuration);
      },
      close() {
        child.kill();
      },
    };
  } catch (error) {
    child.kill();
    throw error;
  }
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

const isDuration = (value: unknown): value is number => typeof value === 'number' && value > 0;

function isIntroduction(value: unknown): value is Pick<Peer, 'name' | 'check'> {
  const { name, check } = (value ?? {}) as Partial<Peer>;
  const numbers: readonly unknown[] = [check?.loss, check?.gnorm_y0, check?.gnorm_params];
  return typeof name === 'string' && numbers.every((x) => typeof x === 'number');
}
