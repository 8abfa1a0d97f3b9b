import { findBackendFactory, getGradient } from '@tensorflow/tfjs-core';
import type { BackendCandidate, BackendCandidates } from './backend-candidate.ts';
import { borrowKernels } from './borrowed-kernels.ts';

/**
 * The backends to try in a page or a worker: those that it has imported. A bundler must find whatever an import names, and wasm
 * needs paths that only the page knows, so nothing is imported here.
 */
export const candidates: BackendCandidates = new Map([
  ['wasm', imported('wasm', () => borrowKernels('wasm', 'cpu'))],
  ['webgl', imported('webgl')],
  ['cpu', imported('cpu')],
]);

function imported(backend: string, prepare: () => unknown = () => undefined): BackendCandidate {
  const name = `tfjs-backend-${backend}`;
  const missing = (): string | undefined => {
    // tfjs-core alone has no gradients.
    if ((getGradient('Add') as unknown) === undefined) return "without gradients (import '@tensorflow/tfjs')";
    if ((findBackendFactory(backend) as unknown) === null)
      return `not imported (import '@tensorflow/${name}')`;
    return undefined;
  };
  return {
    name,
    load() {
      const problem = missing();
      if (problem !== undefined) return Promise.reject(new Error(problem));
      prepare();
      return Promise.resolve(backend);
    },
  };
}
