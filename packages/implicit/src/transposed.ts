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
      const derivatives = (): Float64Array[] =>
        width <= OWN ? stages.map(jacobianAt) : stages.map(() => (common ??= jacobianAt(stages[0]!)));
      const factors =
        m * width <= solving.dense
          ? factorize(stageMatrix(derivatives(), weights, h, width, true), m * width)
          : undefined;
      if (factors) transient(factors.bytes);
      const system = {
        multiply(joined: Float64Array) {
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
        precondition: (v: Float64Array) => factors?.solve(v) ?? v,
      };
      const joined = interleave(right.map(layout.read), rows);
      const { x, bytes } = gmres(system, joined, {
        tolerance: 8 * engine.roundoff,
        acceptable: 1e4 * engine.roundoff,
        restart: 50,
        restarts: 20,
      });
      transient(bytes);
      return x && separate(x, m, rows).map((k) => layout.write(k, like));
    },
  };
}
