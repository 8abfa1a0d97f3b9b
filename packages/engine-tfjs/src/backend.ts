import { add, findBackendFactory, getGradient, scalar, setBackend, tidy } from '@tensorflow/tfjs-core';
import { EngineError } from '@odegrad/core';

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

/**
 * Sets the fastest backend that runs here: tfjs-node-gpu or tfjs-node (in Node), wasm, cpu. What is not
 * installed, was installed without its native part, or fails at its first sum is passed over; `tried` says why.
 *
 * @throws {EngineError} if nothing runs.
 */
export async function chooseBackend(): Promise<ChosenBackend> {
  return firstThatRuns(isNode() ? [native('tfjs-node-gpu'), native('tfjs-node'), wasm, cpu] : [wasm, cpu]);
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

function native(name: 'tfjs-node' | 'tfjs-node-gpu'): BackendCandidate {
  return {
    name,
    async load() {
      // Not a literal: bundlers are not to look for a package that is there by choice, and never in a browser.
      const specifier = `@tensorflow/${name}`;
      await import(/* @vite-ignore */ /* webpackIgnore: true */ specifier);
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
    return 'wasm';
  },
};

const cpu: BackendCandidate = {
  name: 'tfjs-backend-cpu',
  async load() {
    await loadGradients();
    if ((findBackendFactory('cpu') as unknown) === null) await import('@tensorflow/tfjs');
    return 'cpu';
  },
};

/** tfjs-core alone has no gradients. */
async function loadGradients(): Promise<void> {
  if ((getGradient('Add') as unknown) === undefined) await import('@tensorflow/tfjs');
}

/** Bundlers for browsers define `process` as they like, or not at all. */
function isNode(): boolean {
  const { process } = globalThis as { process?: { versions?: { node?: string } } };
  return typeof process?.versions?.node === 'string';
}
