import { Variable, type Tensor } from '@tensorflow/tfjs-core';
import { internals } from './internals.ts';

/**
 * Whether a gradient that is being taken may be wanted of a tensor: `'differentiated'` where it depends on a trainable variable,
 * `'perhaps'` where it depends on a tensor from before the gradient began, which may be what it is taken for, and `'constant'`
 * where it certainly depends on neither.
 */
type Origin = 'differentiated' | 'perhaps' | 'constant';

/** Tells the origin of a tensor at a moment. */
export type Origins = (x: Tensor) => Origin;

/** What tensors come from, by the tape that is on now. */
export function tapeOrigins(): Origins {
  const { activeTape, scopeStack } = internals().state;
  // TensorFlow.js runs the function whose gradient it takes in a tidy of this name.
  const started = scopeStack.findLastIndex(({ name }) => name === 'forward');
  const made = new Set(started < 0 ? [] : scopeStack.slice(started).flatMap(({ track }) => track));
  const origins = new Map<number, Origin>();
  const originOf: Origins = (x) => {
    if (x.dtype !== 'float32') return 'constant';
    if (x instanceof Variable) return x.trainable ? 'differentiated' : 'perhaps';
    return origins.get(x.id) ?? (made.has(x) ? 'constant' : 'perhaps');
  };
  for (const { inputs, outputs } of activeTape ?? []) {
    const origin = strongest(Object.values(inputs).map(originOf));
    for (const output of outputs) origins.set(output.id, origin);
  }
  return originOf;
}

function strongest(origins: readonly Origin[]): Origin {
  return (['differentiated', 'perhaps'] as const).find((one) => origins.includes(one)) ?? 'constant';
}
