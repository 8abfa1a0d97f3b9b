import { combineStates } from '../memory/state.ts';
import { sizeOf } from './span.ts';
import type { Engine, State } from '../types/engine.ts';
import type { Span } from '../types/span.ts';

/** `base + h Σ weights[i] slopes[i]`, where every slope with a weight is known. */
export function alongSlopes<A>(
  engine: Engine<A>,
  base: State<A> | undefined,
  span: Span,
  weights: readonly number[],
  slopes: readonly (State<A> | undefined)[],
): State<A> {
  return combineStates(
    engine,
    base,
    weights.flatMap((w, i) => (w === 0 ? [] : [{ coefficient: w, value: slopes[i]! }])),
    sizeOf(span),
  );
}
