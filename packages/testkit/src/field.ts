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

/** How a hand-written field is prepared for the float64 engine. */
export interface Float64FieldOptions {
  /** Lengths of the arrays that the state consists of; one array by default. */
  readonly parts?: readonly number[];
  /** Whether the field offers the fused `vjp`. */
  readonly vjp?: boolean;
  /** Called before each evaluation, for counting them or failing at one. */
  readonly before?: (t: number) => void;
}

/** Prepares a hand-written field for the float64 engine, whose arrays it makes and counts. */
export function float64Field(
  engine: Float64Engine,
  field: HandWrittenField,
  { parts, vjp = false, before }: Float64FieldOptions = {},
): VectorField<Float64Array> {
  type S = readonly Float64Array[];
  const { parameters, activationBytes = 64 } = field;
  // `combine` is the engine's only way to make an array, so that it is counted.
  const own = (x: Float64Array): Float64Array => engine.combine(undefined, [{ coefficient: 1, value: x }]);
  const split = (x: Float64Array): S => (parts ? splitVector(x, parts) : [x]).map(own);
  const value = (t: number, y: Float64Array): S => {
    before?.(t);
    return split(field.value(t, y, parameters));
  };
  const pull = (t: number, y: Float64Array, k: S, withTime: boolean): { t: number; y: S; parameters: S } => {
    const pulled = field.pullback(t, y, parameters, joinVectors(k));
    return { t: withTime ? pulled.t : 0, y: split(pulled.y), parameters: pulled.parameters.map(own) };
  };
  return {
    engine,
    parameters,
    evaluate: (t, y) => value(t, joinVectors(y)),
    linearize(t, y) {
      const slope = value(t, joinVectors(y));
      const activations = own(joinVectors(y));
      return {
        value: slope,
        bytes: activationBytes,
        pullback: (k, withTime) => pull(t, activations, k, withTime),
        release: () => {
          engine.release(activations);
        },
      };
    },
    ...(vjp
      ? {
          vjp: (t: number, y: S, k: S, withTime: boolean) => ({
            value: value(t, joinVectors(y)),
            bytes: activationBytes,
            ...pull(t, joinVectors(y), k, withTime),
          }),
        }
      : {}),
  };
}

/** The entries of all parts, in order. */
export function joinVectors(parts: readonly Float64Array[]): Float64Array {
  const joined = new Float64Array(parts.reduce((length, part) => length + part.length, 0));
  let start = 0;
  for (const part of parts) {
    joined.set(part, start);
    start += part.length;
  }
  return joined;
}

/** Cuts a vector into parts of the given lengths. */
export function splitVector(x: Float64Array, parts: readonly number[]): Float64Array[] {
  let start = 0;
  return parts.map((length) => x.slice(start, (start += length)));
}
