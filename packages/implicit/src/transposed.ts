import { sizeOf, type AdjointRequest, type ButcherTableau, type State } from '@odegrad/core';

import { layoutFor } from './equations.ts';
import { gmres } from './linear/gmres.ts';
import { jacobian, pullVector } from './linear/jacobian.ts';
import { factorize } from './linear/lu.ts';
import { interleave, separate, stageMatrix } from './linear/stage-matrix.ts';
import type { Solving } from './options.ts';

/** Entries of a row up to which each stage has a Jacobian of its own made; beyond that one serves all stages of a step. */
const OWN = 16;

/** Finds the cotangents of the slopes of stages that depend on each other, within one step. */
export interface CotangentFinder<A> {
  /**
   * The solution of K̄ᵢ = rᵢ + h Σⱼ aⱼᵢ (∂f/∂y at stage j)ᵀ K̄ⱼ. `stages` are their numbers and `right` their rᵢ.
   * Undefined where it was not found.
   */
  find(stages: readonly number[], right: readonly State<A>[]): readonly State<A>[] | undefined;
}

/** Matrices only lead there: the answer satisfies the equations of f's own pullbacks to rounding. */
export function cotangentFinder<A>(
  { engine, span, trials }: Pick<AdjointRequest<A>, 'engine' | 'span' | 'trials'>,
  { a }: ButcherTableau,
  solving: Solving,
): CotangentFinder<A> {
  const h = sizeOf(span);
  const { transpose, transient } = trials!;
  let common: Float64Array | undefined;
  return {
    find(stages, right) {
      const [like] = right as readonly [State<A>];
      const layout = layoutFor(solving, engine, like, (x) => transpose(stages[0]!, x));
      const { rows, width } = layout;
      const m = stages.length;
      const weights = stages.map((i) => stages.map((j) => a[j]![i]!));
      const jacobianAt = (stage: number): Float64Array => {
        const made = jacobian(engine, layout, like, (x) => transpose(stage, x));
        transient(made.byteLength);
        return made;
      };
      const isOwn = width <= OWN;
      const derivatives = (): Float64Array[] =>
        isOwn ? stages.map(jacobianAt) : stages.map(() => (common ??= jacobianAt(stages[0]!)));
      const isDense = m * width <= solving.dense;
      const matrix = isDense ? stageMatrix(derivatives(), weights, h, width, true) : new Float64Array();
      const norm = rowSum(matrix, m * width);
      // Where all entries are in one matrix, it is what f's pullbacks are; of rows it is believed alone.
      const whole = isDense && isOwn && rows === 1 ? matrix.slice() : undefined;
      const factors = factorize(matrix, m * width);
      if (isDense) transient(matrix.byteLength);
      const system = {
        multiply(joined: Float64Array) {
          if (whole) return product(whole, joined);
          const vs = separate(joined, m, rows);
          const pulled = vs.map((v, j) =>
            pullVector(engine, layout, like, (x) => transpose(stages[j]!, x), v),
          );
          return interleave(
            vs.map((v, i) =>
              v.map((entry, n) => pulled.reduce((sum, g, j) => sum - h * weights[i]![j]! * g[n]!, entry)),
            ),
            rows,
          );
        },
        precondition: (v: Float64Array) => (isDense && factors ? factors.solve(v) : v),
      };
      const joined = interleave(right.map(layout.read), rows);
      const { x, bytes } = gmres(system, joined, {
        tolerance: 8 * engine.roundoff,
        acceptable: 64 * engine.roundoff,
        norm,
        restart: 50,
        restarts: 20,
      });
      transient(bytes);
      return x && separate(x, m, rows).map((k) => layout.write(k, like));
    },
  };
}

/** A matrix times a vector. */
function product(matrix: Float64Array, x: Float64Array): Float64Array {
  return x.map((_, i) => {
    let sum = 0;
    for (let j = 0; j < x.length; j++) sum += matrix[i * x.length + j]! * x[j]!;
    return sum;
  });
}

/** The largest sum of absolute values of a row: a norm of the blocks. */
function rowSum(matrix: Float64Array, size: number): number {
  let largest = 0;
  for (let from = 0; from < matrix.length; from += size)
    largest = Math.max(
      largest,
      matrix.subarray(from, from + size).reduce((sum, x) => sum + Math.abs(x), 0),
    );
  return largest;
}
