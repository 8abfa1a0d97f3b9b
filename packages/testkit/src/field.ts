import type { VectorField } from '@odegrad/core';
import type { Float64Engine } from './float64-engine.ts';

/** A vector field on one flat vector, with its derivatives written by hand. */
export interface HandWrittenField {
  readonly parameters: readonly Float64Array[];
  value(t: number, y: Float64Array, parameters: readonly Float64Array[]): Float64Array;
  /** The cotangents of t, y and the parameters for the cotangent `k` of the value. */
  pullback(
    t: number,
    y: Float64Array,
    parameters: readonly Float64Array[],
    k: Float64Array,
  ): { t: number; y: Float64Array; parameters: readonly Float64Array[] };
  /** Bytes that a linearization stands for: for ledger tests. */
  readonly activationBytes?: number;
}

/** Prepares a hand-written field for the float64 engine, whose arrays it makes and counts. */
export function float64Field(engine: Float64Engine, field: HandWrittenField): VectorField<Float64Array> {
  // `combine` is the engine's only way to make an array, so that it is counted.
  const own = (x: Float64Array): Float64Array => engine.combine(undefined, [{ coefficient: 1, value: x }]);
  const { parameters, activationBytes = 64 } = field;
  return {
    engine,
    parameters,
    evaluate: (t, [y]) => [own(field.value(t, y!, parameters))],
    linearize(t, [y]) {
      const activations = own(y!);
      return {
        value: [own(field.value(t, y!, parameters))],
        bytes: activationBytes,
        pullback([k], withTime) {
          const pulled = field.pullback(t, activations, parameters, k!);
          return { t: withTime ? pulled.t : 0, y: [own(pulled.y)], parameters: pulled.parameters.map(own) };
        },
        release: () => {
          engine.release(activations);
        },
      };
    },
  };
}
