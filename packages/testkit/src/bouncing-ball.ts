import type { HandWrittenField } from './field.ts';

type P = readonly Float64Array[];
/** Drag, restitution, and the amplitude of the floor. */
const coefficients = ([p]: P): readonly [number, number, number] => [p![0]!, p![1]!, p![2]!];

/** What a ball of height and speed y falls by, when it meets the floor, and what becomes of it. */
export interface BouncingBall {
  /** y′ = (speed, −9.81 − drag speed). */
  readonly fall: HandWrittenField;
  /** The height above a floor that moves by a sin 2t, in the first entry. */
  readonly height: HandWrittenField;
  /** A bounce off it: v ↦ −e v + (1 + e) 2a cos 2t. */
  readonly bounce: HandWrittenField;
  /** The speed, in the first entry. */
  readonly speed: HandWrittenField;
}

/** A ball that bounces off a moving floor, with `parameters` [drag, restitution e, amplitude a of the floor]. */
export function bouncingBall(parameters: readonly number[]): BouncingBall {
  const p: P = [Float64Array.from(parameters)];
  return {
    fall: {
      parameters: p,
      value: (_, y, q) => Float64Array.of(y[1]!, -9.81 - coefficients(q)[0] * y[1]!),
      pullback: (_, y, q, k) => ({
        t: 0,
        y: Float64Array.of(0, k[0]! - coefficients(q)[0] * k[1]!),
        parameters: [Float64Array.of(-y[1]! * k[1]!, 0, 0)],
      }),
    },
    height: {
      parameters: p,
      value: (t, y, q) => Float64Array.of(y[0]! - coefficients(q)[2] * Math.sin(2 * t), 0),
      pullback: (t, _, q, k) => ({
        t: -2 * coefficients(q)[2] * Math.cos(2 * t) * k[0]!,
        y: Float64Array.of(k[0]!, 0),
        parameters: [Float64Array.of(0, 0, -Math.sin(2 * t) * k[0]!)],
      }),
    },
    bounce: {
      parameters: p,
      value: (t, y, q) => {
        const [, e, a] = coefficients(q);
        return Float64Array.of(y[0]!, -e * y[1]! + (1 + e) * 2 * a * Math.cos(2 * t));
      },
      pullback: (t, y, q, k) => {
        const [, e, a] = coefficients(q);
        const c = 2 * Math.cos(2 * t);
        return {
          t: -(1 + e) * 4 * a * Math.sin(2 * t) * k[1]!,
          y: Float64Array.of(k[0]!, -e * k[1]!),
          parameters: [Float64Array.of(0, (a * c - y[1]!) * k[1]!, (1 + e) * c * k[1]!)],
        };
      },
    },
    speed: {
      parameters: p,
      value: (_, y) => Float64Array.of(y[1]!, 0),
      pullback: (_t, _y, q, k) => ({
        t: 0,
        y: Float64Array.of(0, k[0]!),
        parameters: q.map((x) => new Float64Array(x.length)),
      }),
    },
  };
}
