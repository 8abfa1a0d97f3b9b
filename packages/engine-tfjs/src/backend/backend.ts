// Which backends there are to try is another file in browsers, `backends.browser.ts`: see package.json.
import { candidates } from '#backends';
import { ArgumentError, EngineError } from '@odegrad/core';
import { add, backend as current, scalar, setBackend, tidy } from '@tensorflow/tfjs-core';
import type { BackendCandidate, BackendName } from './backend-candidate.ts';

/** One backend that was tried, and what came of it. */
export interface TriedBackend {
  readonly name: string;
  /** `'running'`, or why it is not. */
  readonly outcome: string;
}

/** The backend that TensorFlow.js runs on now, and all that were tried in order, the last one running. */
export interface ChosenBackend {
  readonly backend: string;
  readonly tried: readonly TriedBackend[];
}

/**
 * Sets the fastest backend that runs here: in Node tfjs-node-gpu, tfjs-node, wasm, cpu; in browsers wasm, webgl, cpu, of which a page
 * imports what it wants to have; or the first of `names`. What is not installed or imported, was installed without its native part,
 * computes in 16 bits, or fails at its first sum is passed over; `tried` says why.
 *
 * wasm comes before webgl because the operations of a vector field are many and small, and an adaptive step reads its error
 * estimate back: on a GPU both cost more than the arithmetic does. For wide nets, put `'webgl'` first. Where wasm has no kernel
 * of an operation or of its gradient, it is given cpu's.
 *
 * @throws {ArgumentError} for a name that is none, {EngineError} if nothing runs.
 */
export async function chooseBackend(
  names: readonly BackendName[] = [...candidates.keys()] as BackendName[],
): Promise<ChosenBackend> {
  return firstThatRuns(
    names.map((name: string) => {
      const found = candidates.get(name);
      if (found) return found;
      throw new ArgumentError(
        `There is no backend '${name}' to choose here. There are: ${[...candidates.keys()].join(', ')}.`,
      );
    }),
  );
}

/** Tries backends in order until one runs. */
export async function firstThatRuns(candidates: readonly BackendCandidate[]): Promise<ChosenBackend> {
  const tried: TriedBackend[] = [];
  for (const { name, load } of candidates) {
    try {
      const backend = await load();
      // Where a backend cannot start, setBackend says so and stays on the one before.
      if (!(await setBackend(backend))) throw new Error('TensorFlow.js could not start it');
      if (current().floatPrecision() < 32) throw new Error('it computes in 16 bits here');
      if (tidy(() => add(scalar(1), scalar(1)).dataSync()[0]) !== 2) throw new Error('1 + 1 is not 2 on it');
      return { backend, tried: [...tried, { name, outcome: 'running' }] };
    } catch (error) {
      tried.push({ name, outcome: reason(name, error) });
    }
  }
  const list = tried.map(({ name, outcome }) => `${name}: ${outcome}`).join('; ');
  throw new EngineError(`No backend of TensorFlow.js runs here (${list}). Install @tensorflow/tfjs.`);
}

function reason(name: string, error: unknown): string {
  const { code, message = String(error) } = error as { code?: unknown; message?: string };
  const missing = code === 'ERR_MODULE_NOT_FOUND' || /^(Could not resolve|Cannot find) /.test(message);
  if (missing && message.split(' imported ')[0]!.includes(name)) return 'not installed';
  const [line = ''] = message.split('\n');
  return message.includes('native addon') ? `installed without its native part (${line})` : line;
}
