import {
  ArgumentError,
  combineStates,
  sizeOf,
  type ButcherTableau,
  type Pull,
  type Span,
  type StageEvaluator,
  type State,
} from '@odegrad/core';

import { gmres } from './linear/gmres.ts';
import { jacobian, rowsAreApart } from './linear/jacobian.ts';
import { entriesOf, layoutOf, rowsOf, type Layout } from './linear/layout.ts';
import { factorize, type Factors } from './linear/lu.ts';
import { interleave, separate, stageMatrix } from './linear/stage-matrix.ts';
import { newton, type Linearized, type StageEquations } from './newton.ts';
import type { Solving } from './options.ts';
import { isRounding, relative } from './rounding.ts';

/** Finds the slopes of stages that depend on each other, within one step. */
export interface StageFinder<A> {
  /** From the states without what the unknown slopes add. Undefined where none are found. */
  find(
    stages: readonly number[],
    bases: readonly State<A>[],
    guess: State<A>,
  ): readonly State<A>[] | undefined;
}

/** How states of that form are vectors: by rows where f keeps rows apart, which is looked at once in a solve. */
export function layoutFor<A>(
  solving: Solving,
  engine: StageEvaluator<A>['engine'],
  y: State<A>,
  pull: Pull<A>,
): Layout<A> {
  const entries = entriesOf(engine, solving.solver);
  const most = rowsOf(entries, y);
  if (solving.rows === undefined || most % solving.rows !== 0) {
    const byRows = layoutOf(entries, y, most);
    solving.rows = most > 1 && rowsAreApart(engine, byRows, y, pull) ? most : 1;
  }
  return layoutOf(entries, y, solving.rows);
}

/**
 * f's derivative is taken at the start of the step, once for all stages, and again where iterations do not converge with it: at each
 * of the stages then.
 */
export function stageFinder<A>(
  evaluator: StageEvaluator<A>,
  span: Span,
  y: State<A>,
  { a, c }: ButcherTableau,
  solving: Solving,
): StageFinder<A> {
  const { engine, trials } = evaluator;
  if (!trials)
    throw new ArgumentError(
      `Steps of solver '${solving.solver}' are not written down: they solve equations.`,
    );
  const h = sizeOf(span);
  const norm = solving.norm?.(engine);
  /** Of the stages that are solved for together, or one for all. */
  let derivatives: readonly Float64Array[] = [];
  let layout: Layout<A>;
  /** By the coefficients of the stages that are solved for together. */
  const factors = new Map<string, Factors | undefined>();

  const derivativeAt = (node: number, at: State<A>): Float64Array =>
    trials.differentiate(span, node, at, (pull) => {
      layout = layoutFor(solving, engine, y, pull);
      return layout.width > solving.dense ? new Float64Array(0) : jacobian(engine, layout, y, pull);
    });
  const take = (made: readonly Float64Array[]): void => {
    factors.clear();
    derivatives = made;
    trials.transient(bytesOf(made));
  };
  const factorsOf = (coefficients: readonly (readonly number[])[]): Factors | undefined => {
    const key = coefficients.join();
    if (!factors.has(key)) {
      const jacobians = coefficients.map((_, i) => derivatives[i] ?? derivatives[0]!);
      const made = factorize(
        stageMatrix(jacobians, coefficients, h, layout.width),
        coefficients.length * layout.width,
      );
      trials.transient(bytesOf(derivatives) + (made?.bytes ?? 0));
      factors.set(key, made);
    }
    return factors.get(key);
  };
  const asState = <T>(vector: Float64Array, use: (x: State<A>) => T): T => {
    const x = layout.write(vector, y);
    const result = use(x);
    for (const part of x) engine.release(part);
    return result;
  };
  const evaluate = (node: number, point: Float64Array): Float64Array =>
    asState(point, (at) => {
      const slope = trials.evaluate(span, node, at);
      const values = layout.read(slope);
      for (const part of slope) engine.release(part);
      return values;
    });
  const measure = (
    changes: readonly Float64Array[],
    points: readonly Float64Array[],
    start: Float64Array,
  ): number =>
    norm
      ? Math.max(
          ...changes.map((change, i) =>
            asState(change, (x) => asState(points[i]!, (point) => norm(x, y, point))),
          ),
        )
      : relative(changes, points, start) / (4 * engine.roundoff);
  /** Products with f's derivative by differences: for the way to the stages alone, never for what they are. */
  const byDifferences = (
    weights: StageEquations['weights'],
    nodes: readonly number[],
    residuals: readonly Float64Array[],
    { points, slopes }: Linearized,
  ): readonly Float64Array[] | undefined => {
    const m = weights.length;
    const { rows } = layout;
    const { x, bytes } = gmres(
      {
        multiply(joined) {
          const vs = separate(joined, m, rows);
          const products = vs.map((v, j) => {
            const [length, scale] = [size(v), size(points[j]!)];
            if (length === 0) return v;
            const epsilon = (Math.sqrt(engine.roundoff) * (scale || 1)) / length;
            const moved = evaluate(
              nodes[j]!,
              points[j]!.map((entry, n) => entry + epsilon * v[n]!),
            );
            return moved.map((entry, n) => (entry - slopes[j]![n]!) / epsilon);
          });
          return interleave(
            vs.map((v, i) =>
              v.map((entry, n) => products.reduce((sum, p, j) => sum - weights[i]![j]! * p[n]!, entry)),
            ),
            rows,
          );
        },
        precondition: (v) => v,
      },
      interleave(residuals, rows),
      { tolerance: 1e-2, acceptable: 0.5, restart: 60, restarts: 3 },
    );
    trials.transient(bytes);
    return x && separate(x, m, rows);
  };

  const solve = (
    stages: readonly number[],
    bases: readonly State<A>[],
    guess: State<A>,
  ): readonly State<A>[] | undefined => {
    const coefficients = stages.map((i) => stages.map((j) => a[i]![j]!));
    const weights = coefficients.map((row) => row.map((x) => h * x));
    const nodes = stages.map((i) => c[i]!);
    const start = layout.read(y);
    const first = layout.read(guess);
    const isDense = stages.length * layout.width <= solving.dense;
    const slopes = newton(
      {
        weights,
        bases: bases.map((base) => layout.read(base)),
        evaluate: (i, point) => evaluate(nodes[i]!, point),
        solve(residuals, at) {
          if (!isDense) return byDifferences(weights, nodes, residuals, at);
          const made = factorsOf(coefficients);
          return made && separate(made.solve(interleave(residuals, layout.rows)), stages.length, layout.rows);
        },
        refresh(points) {
          if (isDense) take(points.map((point, i) => asState(point, (at) => derivativeAt(nodes[i]!, at))));
        },
        measure: (changes, points) => measure(changes, points, start),
        isRounding: (changes, points) =>
          changes.every((change, i) =>
            isRounding(change, points, start, {
              layout,
              weights: weights[i]!,
              derivative: isDense ? (derivatives[i] ?? derivatives[0]!) : undefined,
              roundoff: engine.roundoff,
            }),
          ),
      },
      stages.map(() => first),
    );
    return slopes?.map((slope) => layout.write(slope, y));
  };

  return {
    find(stages, bases, guess) {
      if (derivatives.length === 0) take([derivativeAt(0, y)]);
      const found = solve(stages, bases, guess);
      if (found || layout.rows === 1) return found;
      // Rows that were apart where the solve began may meet on the way.
      solving.rows = undefined;
      const reach = stages.reduce((sum, j) => sum + a[stages[0]!]![j]!, 0);
      const tried = combineStates(engine, bases[0], [{ coefficient: reach, value: guess }], h);
      take([derivativeAt(c[stages[0]!]!, tried)]);
      return layout.rows === 1 ? solve(stages, bases, guess) : undefined;
    },
  };
}

const bytesOf = (arrays: readonly Float64Array[]): number =>
  arrays.reduce((sum, { byteLength }) => sum + byteLength, 0);

const size = (x: Float64Array): number => Math.sqrt(x.reduce((sum, entry) => sum + entry * entry, 0));
