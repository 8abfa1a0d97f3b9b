import type * as wasm from '@tensorflow/tfjs-backend-wasm';
import { findBackendFactory, getGradient } from '@tensorflow/tfjs-core';
import type { BackendCandidate, BackendCandidates } from './backend-candidate.ts';
import { borrowKernels } from './borrowed-kernels.ts';
import { restoreRemovedUtilities } from './removed-utilities.ts';

/** The backends to try in Node. What is installed is imported when its turn comes. */
export const candidates: BackendCandidates = new Map([
  ['tfjs-node-gpu', native('tfjs-node-gpu')],
  ['tfjs-node', native('tfjs-node')],
  [
    'wasm',
    {
      name: 'tfjs-backend-wasm',
      async load() {
        await loadGradients();
        const { setWasmPaths } = (await ifThere('@tensorflow/tfjs-backend-wasm')) as typeof wasm;
        // In Node the backend looks for its binaries where the process was started.
        const { fileURLToPath } = await import('node:url');
        const folder = new URL('./', import.meta.resolve('@tensorflow/tfjs-backend-wasm'));
        try {
          setWasmPaths(fileURLToPath(folder));
        } catch {
          // It runs already, and knows its paths.
        }
        await loadCpu();
        borrowKernels('wasm', 'cpu');
        return 'wasm';
      },
    },
  ],
  [
    'cpu',
    {
      name: 'tfjs-backend-cpu',
      async load() {
        await loadGradients();
        await loadCpu();
        return 'cpu';
      },
    },
  ],
]);

/** tfjs-node or tfjs-node-gpu, from where `load` finds it. */
export function native(
  name: 'tfjs-node' | 'tfjs-node-gpu',
  load: (specifier: string) => Promise<unknown> = ifThere,
): BackendCandidate {
  return {
    name,
    async load() {
      restoreRemovedUtilities();
      await load(`@tensorflow/${name}`);
      return 'tensorflow';
    },
  };
}

/** Imports a package that is there by choice. Its name is no literal, so that bundlers do not look for it. */
function ifThere(specifier: string): Promise<unknown> {
  return import(/* @vite-ignore */ /* webpackIgnore: true */ specifier);
}

/** Backends register themselves when they are loaded. */
async function loadCpu(): Promise<void> {
  if ((findBackendFactory('cpu') as unknown) === null) await import('@tensorflow/tfjs');
}

/** tfjs-core alone has no gradients. */
async function loadGradients(): Promise<void> {
  if ((getGradient('Add') as unknown) === undefined) await import('@tensorflow/tfjs');
}
