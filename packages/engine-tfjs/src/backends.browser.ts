import { findBackendFactory, getGradient } from '@tensorflow/tfjs-core';
import type { BackendCandidate } from './backend-candidate.ts';

/**
 * The backends to try in a page or a worker, the fastest first: those that it has imported. A bundler must find whatever an import names,
 * and wasm needs paths that only the page knows, so nothing is imported here.
 */
export const candidates: readonly BackendCandidate[] = [imported('wasm'), imported('cpu')];

function imported(backend: string): BackendCandidate {
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
      return problem === undefined ? Promise.resolve(backend) : Promise.reject(new Error(problem));
    },
  };
}
