import {
  add,
  backend as current,
  findBackendFactory,
  getGradient,
  scalar,
  setBackend,
  tidy,
} from '@tensorflow/tfjs-core';
import { ArgumentError, EngineError } from '@odegrad/core';
import { borrowKernels } from './borrowed-kernels.ts';
import { restoreRemovedUtilities } from './removed-utilities.ts';

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

/** A backend and the way to it. */
export interface BackendCandidate {
  readonly name: string;
  /** Loads what is needed, and says under which name TensorFlow.js knows it. */
  readonly load: () => Promise<string>;
}

/** A backend to choose: a package of TensorFlow.js for Node, or a backend that runs in browsers too (webgl there only). */
export type BackendName = 'tfjs-node-gpu' | 'tfjs-node' | 'wasm' | 'webgl' | 'cpu';

/**
 * Sets the fastest backend that runs here: in Node tfjs-node-gpu, tfjs-node, wasm, cpu; in browsers wasm, webgl, cpu; or the
 * first of `names`. What is not installed, was installed without its native part, computes in 16 bits, or fails at its first sum
 * is passed over; `tried` says why.
 *
 * wasm comes before webgl because the operations of a vector field are many and small, and an adaptive step reads its error
 * estimate back: on a GPU both cost more than the arithmetic does. For wide nets, put `'webgl'` first. Where wasm has no kernel
 * of an operation or of its gradient, it is given cpu's.
 *
 * @throws {ArgumentError} for a name that is none, {EngineError} if nothing runs.
 */
export async function chooseBackend(
  names: readonly BackendName[] = usualBackends(isNode()),
): Promise<ChosenBackend> {
  return firstThatRuns(
    names.map((name: string) => {
      const found = candidates.get(name);
      if (found) return found;
      throw new ArgumentError(
        `There is no backend '${name}' to choose. There are: ${[...candidates.keys()].join(', ')}.`,
      );
    }),
  );
}

/** From the fastest on. */
export const usualBackends = (inNode: boolean): readonly BackendName[] =>
  inNode ? ['tfjs-node-gpu', 'tfjs-node', 'wasm', 'cpu'] : ['wasm', 'webgl', 'cpu'];

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

/** tfjs-node or tfjs-node-gpu, from where `load` finds it. */
export function native(
  name: 'tfjs-node' | 'tfjs-node-gpu',
  load: (specifier: string) => Promise<unknown> = (specifier) =>
    import(/* @vite-ignore */ /* webpackIgnore: true */ specifier),
): BackendCandidate {
  return {
    name,
    async load() {
      restoreRemovedUtilities();
      // Not a literal: bundlers are not to look for a package that is there by choice, and never in a browser.
      const specifier = `@tensorflow/${name}`;
      await load(specifier);
      return 'tensorflow';
    },
  };
}

const wasm: BackendCandidate = {
  name: 'tfjs-backend-wasm',
  async load() {
    await loadGradients();
    const { setWasmPaths } = await import('@tensorflow/tfjs-backend-wasm');
    if (isNode()) {
      // In Node the backend looks for its binaries where the process was started.
      const { fileURLToPath } = await import('node:url');
      const folder = new URL('./', import.meta.resolve('@tensorflow/tfjs-backend-wasm'));
      try {
        setWasmPaths(fileURLToPath(folder));
      } catch {
        // It runs already, and knows its paths.
      }
    }
    await loadBackend('cpu');
    borrowKernels('wasm', 'cpu');
    return 'wasm';
  },
};

/** A backend that comes with @tensorflow/tfjs. */
const included = (backend: 'webgl' | 'cpu'): BackendCandidate => ({
  name: `tfjs-backend-${backend}`,
  async load() {
    await loadGradients();
    await loadBackend(backend);
    return backend;
  },
});

const candidates: ReadonlyMap<string, BackendCandidate> = new Map([
  ['tfjs-node-gpu', native('tfjs-node-gpu')],
  ['tfjs-node', native('tfjs-node')],
  ['wasm', wasm],
  ['webgl', included('webgl')],
  ['cpu', included('cpu')],
]);

/** Backends register themselves when they are loaded, webgl only in a browser. */
async function loadBackend(name: string): Promise<void> {
  if ((findBackendFactory(name) as unknown) === null) await import('@tensorflow/tfjs');
}

/** tfjs-core alone has no gradients. */
async function loadGradients(): Promise<void> {
  if ((getGradient('Add') as unknown) === undefined) await import('@tensorflow/tfjs');
}

/** Bundlers for browsers define `process` as they like, or not at all. */
function isNode(): boolean {
  const { process } = globalThis as { process?: { versions?: { node?: string } } };
  return typeof process?.versions?.node === 'string';
}
