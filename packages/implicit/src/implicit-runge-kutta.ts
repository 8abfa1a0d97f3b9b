import {
  alongSlopes,
  combineStates,
  dotStates,
  EngineError,
  errorNorm,
  interpolantOf,
  isFixed,
  sizeOf,
  SolveError,
  verifyTableau,
  type ButcherTableau,
  type DifferentiableSolver,
  type Engine,
  type ErrorNorm,
  type Span,
  type Stage,
  type StageEvaluator,
  type State,
} from '@odegrad/core';

import { blocksOf } from './blocks.ts';
import { stageFinder } from './equations.ts';
import { checkImplicitOptions, type ImplicitOptions, type Solving } from './options.ts';
import { cotangentFinder } from './transposed.ts';

/**
 * The implicit Runge–Kutta method of a tableau: stages that depend on themselves or on later ones are solved for, and so are the
 * cotangents of their slopes:
 * K̄_i = h b_i λ + h Σ_j a_ji g_j, g_j = (∂f/∂y)ᵀ K̄_j, for all j and not only for later ones. The rest is the recursion of explicit methods
 * (Matsubara, Miyatake and Yaguchi, NeurIPS 2021), and so the gradient is that of the discrete solution, as exact as its stages.
 *
 * @throws {TableauError} unless the tableau has the order it claims.
 * @throws {ArgumentError} for options that are unknown or make no sense.
 */
export function implicitRungeKutta(
  tableau: ButcherTableau,
  options: ImplicitOptions = {},
): DifferentiableSolver {
  verifyTableau(tableau);
  const { residual, dense } = checkImplicitOptions(options);
  const { name } = tableau;
  const solver = (solving: Solving): DifferentiableSolver => ({
    ...methodOf(tableau, solving),
    forSolve({ stepping }) {
      const norm =
        isFixed(stepping) || residual === 0
          ? undefined
          : <A>(engine: Engine<A>): ErrorNorm<A> => {
              const of = errorNorm(engine, stepping);
              return (...states) => of(...states) / residual;
            };
      return solver({ solver: name, dense, norm, rows: undefined });
    },
  });
  return solver({ solver: name, dense, norm: undefined, rows: undefined });
}

function methodOf(tableau: ButcherTableau, solving: Solving): DifferentiableSolver {
  const { name, order, a, b, c, bError, embeddedOrder } = tableau;
  const blocks = blocksOf(tableau);
  const isExplicit = ([i, ...others]: readonly number[]): boolean => others.length === 0 && a[i!]![i!] === 0;
  const startsAtY = isExplicit(blocks[0]!) && c[0] === 0;

  /** Undefined where the equations were not solved. */
  const stagesOf = <A>(
    evaluator: StageEvaluator<A>,
    span: Span,
    y: State<A>,
    first?: Stage<A>,
  ): readonly Stage<A>[] | undefined => {
    const { engine } = evaluator;
    const finder = stageFinder(evaluator, span, y, tableau, solving);
    const slopes = new Array<State<A> | undefined>(b.length);
    const stages = new Array<Stage<A>>(b.length);
    for (const block of blocks) {
      // Of stages before the block alone: those of it are what is asked for.
      const bases = block.map((i) => alongSlopes(engine, y, span, a[i]!.slice(0, block[0]), slopes));
      if (isExplicit(block)) {
        const [i, [at]] = [block[0]!, bases as [State<A>]];
        const isKnown = first !== undefined && at === y && c[i] === 0;
        stages[i] = isKnown ? first : evaluator.at(span, c[i]!, at);
        slopes[i] = stages[i].slope;
        continue;
      }
      const guess = slopes[block[0]! - 1] ?? first?.slope ?? evaluator.trials!.evaluate(span, 0, y);
      const found = finder.find(block, bases, guess);
      if (!found) return undefined;
      block.forEach((i, n) => (slopes[i] = found[n]));
      block.forEach((i) => {
        const at = alongSlopes(engine, y, span, a[i]!, slopes);
        stages[i] = evaluator.trials!.found(span, c[i]!, at, slopes[i]!);
      });
    }
    return stages;
  };

  return {
    name,
    order,
    stages: b.length,
    tableau,
    iterates: true,
    ...(startsAtY ? { interpolant: interpolantOf(tableau) } : {}),
    ...(embeddedOrder === undefined ? {} : { embeddedOrder }),

    step(evaluator, span, y, { first, error }) {
      const stages = stagesOf(evaluator, span, y, first);
      if (!stages) return { y, stages: [], failed: true };
      const slopes = stages.map(({ slope }) => slope);
      return {
        y: alongSlopes(evaluator.engine, y, span, b, slopes),
        stages,
        ...(error && bError ? { error: alongSlopes(evaluator.engine, undefined, span, bError, slopes) } : {}),
      };
    },

    restage(evaluator, span, y) {
      const stages = stagesOf(evaluator, span, y);
      if (stages) return stages;
      throw new EngineError(
        `The equations of the step from t = ${span.t0} were solved forward and are not backward: f is not what it was. Is there ` +
          `anything random in it?`,
      );
    },

    adjointStep(request) {
      const { engine, span, cotangent, pullback, withTime, read } = request;
      type S = typeof cotangent;
      const h = sizeOf(span);
      const finder = cotangentFinder(request, tableau, solving);
      const g = new Array<S | undefined>(b.length);
      let [tBar, hBar] = [0, 0];
      for (const block of blocks.toReversed()) {
        const right = block.map((i) => {
          const terms = [
            ...(b[i] === 0 ? [] : [{ coefficient: b[i]!, value: cotangent }]),
            ...g.flatMap((value, j) => (value && a[j]![i] !== 0 ? [{ coefficient: a[j]![i]!, value }] : [])),
            ...(read?.terms(i) ?? []),
          ];
          return terms.length === 0
            ? cotangent.map((x) => engine.zeros(x))
            : combineStates(engine, undefined, terms, h);
        });
        const own = isExplicit(block) ? right : finder.find(block, right);
        if (!own) throw cotangentsNotFound(engine, span, right);
        block.forEach((i, n) => {
          const shared = i === 0 && startsAtY ? read?.first : undefined;
          const slopeCotangent = shared
            ? combineStates(engine, own[n], [{ coefficient: 1, value: shared }])
            : own[n]!;
          const pulled = pullback(i, slopeCotangent);
          g[i] = pulled.y;
          if (withTime) {
            tBar += pulled.t;
            hBar +=
              (h === 0
                ? b[i]! * dotStates(engine, pulled.slope!, cotangent)
                : dotStates(engine, pulled.slope!, own[n]!) / h) +
              c[i]! * pulled.t;
          }
        });
      }
      const y = combineStates(
        engine,
        cotangent,
        g.map((value) => ({ coefficient: 1, value: value! })),
      );
      return { y, t0: tBar - hBar, t1: hBar };
    },
  };
}

function cotangentsNotFound<A>(engine: Engine<A>, span: Span, right: readonly State<A>[]): SolveError {
  const details = { t: span.t0, h: sizeOf(span), steps: 0 };
  if (right.every((part) => part.every((x) => engine.isFinite(x))))
    return new SolveError(
      'no-convergence',
      'The equations of the cotangents of an implicit step were not solved. Take smaller steps, or float64',
      details,
    );
  return new SolveError(
    'non-finite',
    'The cotangents that come back to an implicit step are infinite or NaN. Look at the gradient of the loss, and at f for a root, a ' +
      'logarithm or a quotient at zero',
    details,
  );
}
