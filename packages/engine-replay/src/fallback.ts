import { EngineError } from '@odegrad/core';
import type { FieldRequest, PreparedField } from '@odegrad/engine-tfjs';

import { replayEngine } from './engine.ts';

/** Prepares a field that another engine cannot compile for the reason that an error gives. */
export type Fallback = <A>(
  obstacle: Error,
  request: FieldRequest,
  what: readonly object[],
) => PreparedField<A>;

/**
 * What engine `name` does with functions that it cannot compile: they are replayed, with one warning for each of `what`.
 *
 * @throws {EngineError} from the function, for states in doubles, which cannot be replayed.
 */
export function fallbackOf(name: string): Fallback {
  const warned = new WeakSet<object>();
  return <A>(obstacle: Error, request: FieldRequest, what: readonly object[]) => {
    if (request.dtype !== 'float32') {
      throw new EngineError(
        `Engine '${name}' cannot run f in float64: ${obstacle.message}. Write f without it, or solve in float32.`,
      );
    }
    // Once for a function, in whatever shapes, and once for those that record alike.
    if (!what.some((one) => warned.has(one))) {
      console.warn(
        `Engine '${name}': ${obstacle.message}, so this f is replayed on the kernels of TensorFlow.js.`,
      );
    }
    for (const one of what) warned.add(one);
    // Arrays are opaque to whoever solves; here they are tensors.
    return replayEngine.prepare(request) as unknown as PreparedField<A>;
  };
}
