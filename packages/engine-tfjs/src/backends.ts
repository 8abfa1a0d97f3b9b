import type * as wasm from '@tensorflow/tfjs-backend-wasm';
import { findBackendFactory, getGradient } from '@tensorflow/tfjs-core';
import type { BackendCandidate } from './backend-candidate.ts';

/** The backends to try in Node, the fastest first. What is installed is imported when its turn comes. */
export const candidates: readonly BackendCandidate[] = [
  native('tfjs-node-gpu'),
  native('tfjs-node'),
  {
    name: 'tfjs-backend-wasm',
    async load() {
      await loadGradients();
      const { setWasmPaths } = (await ifThere('tfjs-backend-wasm')) as typeof wasm;
      // In Node the backend looks for its binaries where the process was started.
      const { fileURLToPath } = await import('node:url');
      const folder = new URL('./', import.meta.resolve('@tensorflow/tfjs-backend-wasm'));
      try {
        setWasmPaths(fileURLToPath(folder));
      } catch {
        // It runs already, and knows its paths.
      }
      return 'wasm';
    },
  },
  {
    name: 'tfjs-backend-cpu',
    async load() {
      await loadGradients();
      if ((findBackendFactory('cpu') as unknown) === null) await import('@tensorflow/tfjs');
      return 'cpu';
    },
  },
];

function native(name: 'tfjs-node' | 'tfjs-node-gpu'): BackendCandidate {
  return {
    name,
    async load() {
      await ifThere(name);
      return 'tensorflow';
    },
  };
}

/** Imports a package that is there by choice. Its name is no literal, so that bundlers do not look for it. */
function ifThere(name: string): Promise<unknown> {
  const specifier = `@tensorflow/${name}`;
  return import(/* @vite-ignore */ /* webpackIgnore: true */ specifier);
}

/** tfjs-core alone has no gradients. */
async function loadGradients(): Promise<void> {
  if ((getGradient('Add') as unknown) === undefined) await import('@tensorflow/tfjs');
}
