import { clone, keep, Variable, type Tensor } from '@tensorflow/tfjs-core';

/**
 * Makes each tensor one that nobody else holds: cloned unless it was made after the id `mark`, is no
 * variable, is not kept by somebody, and does not come twice.
 */
export function ownedSince(mark: number, tensors: readonly Tensor[]): Tensor[] {
  const seen = new Set<Tensor>();
  return tensors.map((x) => {
    const foreign = x.id < mark || x.kept || x instanceof Variable || seen.has(x);
    seen.add(x);
    return foreign ? clone(x) : x;
  });
}

/** Takes tensors out of the hands of every tidy: whoever asked for them disposes of them. */
export function keepAll(tensors: readonly Tensor[]): Tensor[] {
  for (const x of tensors) keep(x);
  return [...tensors];
}
