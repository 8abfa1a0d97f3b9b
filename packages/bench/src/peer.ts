import { createInterface } from 'node:readline';
import { startChild } from './child.ts';
import type { Results } from './workloads/accuracy.ts';
import type { Check } from './workloads/spec.ts';

/** What a program tells of itself before it is asked. */
interface Introduction {
  /** What the program calls itself. */
  readonly name: string;
  readonly check: Check;
  /** Whether it also solves without a gradient. */
  readonly forward?: boolean;
  /** Milliseconds of its first value and gradient, compiling included. */
  readonly first_ms?: number;
  /** Of one value and gradient: evaluations of f in either pass, and vector–Jacobian products. */
  readonly evaluations?: Evaluations;
  readonly results?: Results;
}

/** How often a vector field was called. */
export interface Evaluations {
  readonly forward: number;
  readonly backward: number;
  readonly pullbacks: number;
}

/** Another program that computes the same value and gradient, whenever it is asked to. */
export interface Peer extends Introduction {
  /** Milliseconds that so many values and gradients took, one after the other, or solves without a gradient. */
  run(times: number, what?: 'forward'): Promise<number>;
  /** Ends the program. */
  close(): Promise<void>;
}

/** Seconds in which a program should have loaded its libraries and compiled its functions. */
export const PATIENCE_S = 120;

/**
 * Starts a peer. Its first line is JSON, an `Introduction`; after that it answers each line of its input, a whole number
 * n, with a line of its own: the milliseconds that n values and gradients took, or n solves where the line is `n forward`.
 *
 * @throws if the program cannot be started, ends, answers otherwise or unasked, or lets an answer wait for more than
 * `patience` seconds.
 */
export async function openPeer(
  program: string,
  args: readonly string[],
  patience: number = PATIENCE_S,
): Promise<Peer> {
  const child = startChild(program, args);
  const failure = (how: string): Error => new Error(`The peer '${program}' ${how}`);
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  /** A line that has arrived and was not looked at. */
  let waiting: string | undefined;
  const upcoming = async (): Promise<string> => {
    const line = await lines.next();
    if (line.done) throw failure(await child.ended);
    return (waiting = line.value);
  };
  let next = upcoming();

  const answer = async <T>(expected: string, isIt: (value: unknown) => value is T): Promise<T> => {
    const line = await inTime(next, patience, () => {
      const printed = child.printed();
      const words = printed ? `So far it has printed:\n${printed}\n` : 'So far it has printed nothing. ';
      return failure(`did not give ${expected} within ${patience} s. ${words}Give it longer with --timeout.`);
    });
    waiting = undefined;
    next = upcoming();
    // That it ended is told when it is asked again.
    next.catch(() => undefined);
    const value = parsed(line);
    if (isIt(value)) return value;
    throw failure(`answered '${line.slice(0, 100)}' in place of ${expected}.`);
  };
  try {
    const introduction = await answer('its name and check', isIntroduction);
    return {
      ...introduction,
      async run(times, what) {
        if (waiting !== undefined) throw failure(`printed '${waiting.slice(0, 100)}' without being asked.`);
        child.stdin.write(what ? `${times} ${what}\n` : `${times}\n`);
        return answer('milliseconds', isDuration);
      },
      close: () => child.end(),
    };
  } catch (error) {
    await child.end();
    throw error;
  }
}

/** What `work` gives, unless that takes more seconds than so many. */
async function inTime<T>(work: Promise<T>, seconds: number, late: () => Error): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  try {
    const end = new Promise<never>((_, reject) => {
      timer = setTimeout(() => {
        reject(late());
      }, 1000 * seconds);
    });
    return await Promise.race([work, end]);
  } finally {
    clearTimeout(timer);
  }
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

const isDuration = (value: unknown): value is number => Number.isFinite(value) && (value as number) > 0;

function isIntroduction(value: unknown): value is Introduction {
  const { name, check, evaluations, results, first_ms = 0 } = (value ?? {}) as Partial<Introduction>;
  const { forward, backward, pullbacks } = evaluations ?? { forward: 0, backward: 0, pullbacks: 0 };
  const { outputs, gradient } = results ?? { outputs: [], gradient: [] };
  const numbers: readonly unknown[] = [check?.loss, check?.gnorm_y0, check?.gnorm_params];
  return (
    typeof name === 'string' &&
    [...numbers, first_ms, forward, backward, pullbacks].every((x) => typeof x === 'number') &&
    Array.isArray(outputs) &&
    Array.isArray(gradient)
  );
}
