import type { DiscreteGradient } from './discrete.ts';
import type { HandWrittenField } from './field.ts';

/** What a loss depends on. */
export interface Point {
  readonly y0: Float64Array;
  readonly field: HandWrittenField;
  readonly ts: readonly number[];
}

/** Central differences of `loss` with respect to every entry of y0 and the parameters and to every time. */
export function centralDifferences(
  loss: (point: Point) => number,
  point: Point,
  step = 1e-5,
): DiscreteGradient {
  const { y0, field, ts } = point;
  const slope = (moved: (by: number) => Point): number =>
    (loss(moved(step)) - loss(moved(-step))) / (2 * step);
  const nudged = (x: Float64Array, i: number, by: number): Float64Array =>
    x.map((xi, j) => (i === j ? xi + by : xi));
  return {
    y0: y0.map((_, i) => slope((by) => ({ ...point, y0: nudged(y0, i, by) }))),
    parameters: field.parameters.map((p, m) =>
      p.map((_, i) =>
        slope((by) => {
          const parameters = field.parameters.map((q, l) => (l === m ? nudged(q, i, by) : q));
          return { ...point, field: { ...field, parameters } };
        }),
      ),
    ),
    ts: ts.map((_, i) => slope((by) => ({ ...point, ts: ts.map((t, j) => (i === j ? t + by : t)) }))),
  };
}

/** The same freed of the error of second order, by those of twice the step (Richardson). */
export function extrapolatedDifferences(
  loss: (point: Point) => number,
  point: Point,
  step = 1e-3,
): DiscreteGradient {
  const near = centralDifferences(loss, point, step);
  const far = centralDifferences(loss, point, 2 * step);
  const mix = (x: ArrayLike<number>, y: ArrayLike<number>): Float64Array =>
    Float64Array.from(x, (value, i) => (4 * value - y[i]!) / 3);
  return {
    y0: mix(near.y0, far.y0),
    parameters: near.parameters.map((p, i) => mix(p, far.parameters[i]!)),
    ts: [...mix(near.ts, far.ts)],
  };
}
