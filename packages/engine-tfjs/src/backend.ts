// Which backends there are to try is another file in browsers, `backends.browser.ts`: see package.json.
import { candidates } from '#backends';
import { EngineError } from '@odegrad/core';
import { add, scalar, setBackend, tidy } from '@tensorflow/tfjs-core';
import type { BackendCandidate } from './backend-candidate.ts';

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
 * Sets the fastest backend that runs here: in Node tfjs-node-gpu, tfjs-node, wasm or cpu, in a browser wasm or cpu, of which a page
 * imports what it wants to have. What is not installed or imported, was installed without its native part, or fails at its
 * first sum is passed over; `tried` says why.
 *
 * @throws {EngineError} if nothing runs.
 */
export function chooseBackend(): Promise<ChosenBackend> {
  return firstThatRuns(candidates);
}

/** Tries backends in order until one runs. */
export async function firstThatRuns(candidates: readonly BackendCandidate[]): Promise<ChosenBackend> {
  const tried: TriedBackend[] = [];
  for (const { name, load } of candidates) {
    try {
      const backend = await load();
      // Where a backend cannot start, setBackend says so and stays on the one before.
      if (!(await setBackend(backend))) throw new Error('TensorFlow.js could not start it');
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
