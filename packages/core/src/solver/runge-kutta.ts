import { alongSlopes } from './along-slopes.ts';
import type { DifferentiableSolver } from './differentiable.ts';
import { combineStates, dotStates } from '../memory/state.ts';
import { interpolantOf } from './interpolant.ts';
import { sizeOf, stageTime } from './span.ts';
import { checkExplicit, checkForm, isFirstSameAsLast, solutionStages } from './tableau.ts';
import { type ButcherTableau } from '../types/tableau.ts';
import type { State } from '../types/engine.ts';
import type { Solver, Stage } from '../types/solver.ts';

/**
 * The explicit Runge–Kutta method of a tableau:
 * Y_i = y + h Σ_{j<i} a_ij k_j, k_i = f(t + c_i h, Y_i), y₁ = y + h Σ b_i k_i.
 *
 * Its backward recursion is the one of Matsubara, Miyatake and Yaguchi (NeurIPS 2021), in the form that
 * carries the cotangent of the slope, K̄_i, and so divides by no b_i:
 * K̄_i = h b_i λ + h Σ_{j>i} a_ji g_j, g_i = (∂f/∂y)ᵀ K̄_i, ∂ℒ/∂y = λ + Σ g_i.
 *
 * @throws {TableauError} unless the coefficients are there. Whether they have the order they claim, `verifyTableau` says.
 */
export function rungeKutta(tableau: ButcherTableau): DifferentiableSolver {
  checkForm(tableau);
  checkExplicit(tableau);
  const { a, b, c } = tableau;
  const main = solutionStages(tableau);
  const rest = b.map((_, i) => i).filter((i) => !main.includes(i));
  const fsal = isFirstSameAsLast(tableau);
  const interpolant = interpolantOf(tableau);
  /** Whether states within a step are read off the slope of solution stage `index`. */
  const isRead = (index: number): boolean => index === 0 || interpolant.bumps.some((d) => d[index] !== 0);

  return {
    name: tableau.name,
    order: tableau.order,
    stages: main.length,
    tableau,
    interpolant,
    traceable: true,
    ...(tableau.embeddedOrder === undefined ? {} : { embeddedOrder: tableau.embeddedOrder }),

    step(evaluator, span, y, { first, error, read = false }) {
      const { engine } = evaluator;
      const slopes = new Array<State<(typeof y)[number]> | undefined>(b.length);
      const evaluate = (i: number, at: () => typeof y): Stage<(typeof y)[number]> => {
        const position = main.indexOf(i);
        const used = (error && tableau.bError?.[i]) || (read && isRead(position));
        const inner = b[i] === 0 && !used && position >= 0;
        const stage = i === 0 && first ? first : evaluator.at(span, c[i]!, at(), inner);
        slopes[i] = stage.slope;
        return stage;
      };
      const stages = main.map((i) => evaluate(i, () => alongSlopes(engine, y, span, a[i]!, slopes)));
      const y1 = alongSlopes(engine, y, span, b, slopes);
      if (!error || !tableau.bError) return { y: y1, stages };
      let last: Stage<(typeof y)[number]> | undefined;
      for (const i of rest) {
        // FSAL: the last stage state is y₁, so its slope is the first of the next step.
        const isLast = fsal && i === b.length - 1;
        const stage = evaluate(i, () => (isLast ? y1 : alongSlopes(engine, y, span, a[i]!, slopes)));
        if (isLast) last = stage;
      }
      return {
        y: y1,
        stages,
        error: alongSlopes(engine, undefined, span, tableau.bError, slopes),
        ...(last ? { last } : {}),
      };
    },

    restage(evaluator, span, y, wanted, read = false) {
      const slopes = new Array<State<(typeof y)[number]> | undefined>(b.length);
      return main.map((i, position) => {
        const at = alongSlopes(evaluator.engine, y, span, a[i]!, slopes);
        if (wanted === 'needed' && position === main.length - 1) return { t: stageTime(span, c[i]!), y: at };
        const stage = evaluator.at(span, c[i]!, at, b[i] === 0 && !(read && isRead(position)));
        slopes[i] = stage.slope;
        return stage;
      });
    },

    adjointStep({ engine, span, cotangent, pullback, withTime, read }) {
      type S = typeof cotangent;
      const h = sizeOf(span);
      const g = new Array<S | undefined>(b.length);
      let tBar = 0;
      let hBar = 0;
      for (let position = main.length - 1; position >= 0; position--) {
        const i = main[position]!;
        const later = main.slice(position + 1).filter((j) => a[j]![i] && g[j]);
        const readOff = read?.terms(position) ?? [];
        const terms = [
          ...(b[i] === 0 ? [] : [{ coefficient: b[i]!, value: cotangent }]),
          ...later.map((j) => ({ coefficient: a[j]![i]!, value: g[j]! })),
          ...readOff,
        ];
        // The slope at the start is the one at the end of the step before.
        const shared = position === 0 ? read?.first : undefined;
        if (terms.length === 0 && !shared) continue;
        const own = terms.length > 0 ? combineStates(engine, undefined, terms, h) : undefined;
        const slopeCotangent =
          shared && own ? combineStates(engine, own, [{ coefficient: 1, value: shared }]) : (own ?? shared!);
        const pulled = pullback(position, slopeCotangent, b[i] === 0 && readOff.length === 0 && !shared);
        g[i] = pulled.y;
        if (withTime) {
          // ∂ℒ/∂h|_{y,t} = Σ ⟨k_i, K̄_i⟩ / h + Σ c_i τ_i, because K̄_i / h gathers every use of h k_i. A step without
          // length, between output times that touch, has K̄_i / h = b_i λ.
          const perStep = !own
            ? 0
            : h === 0
              ? b[i]! * dotStates(engine, pulled.slope!, cotangent)
              : dotStates(engine, pulled.slope!, own) / h;
          tBar += pulled.t;
          hBar += perStep + c[i]! * pulled.t;
        }
        // Nobody needs K̄_i again, and s of them would weigh as much as the stages.
        for (const x of own ?? []) engine.release(x);
        if (slopeCotangent !== own && slopeCotangent !== shared)
          for (const x of slopeCotangent) engine.release(x);
      }
      const y = combineStates(
        engine,
        cotangent,
        g.flatMap((value) => (value ? [{ coefficient: 1, value }] : [])),
      );
      return { y, t0: tBar - hBar, t1: hBar };
    },
  } satisfies Solver;
}

/** Whether a value is a tableau rather than a solver made of one. */
export function isTableau(value: unknown): value is ButcherTableau {
  return typeof value === 'object' && value !== null && 'b' in value && 'a' in value;
}
