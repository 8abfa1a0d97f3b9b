import { once } from '../memory/once.ts';
import { combineStates } from '../memory/state.ts';
import { sizeOf } from '../solver/span.ts';
import type { State, Term } from '../types/engine.ts';
import type { InterpolantWeights } from '../types/interpolant.ts';
import type { ReadSlopes, StepCotangents } from '../types/solver.ts';
import type { Span } from '../types/span.ts';
import type { StepReadings } from './readings.ts';
import type { Sweep } from './work.ts';

/** What cotangents of states that were read off a step are of the step's own values. Sums of none are undefined. */
export interface ReadBack<A> {
  /** Of y₁. */
  end(): State<A> | undefined;
  /** Of y₀. */
  start(): State<A> | undefined;
  /** Of the slope at the end of the step, which is the first slope of the next one. */
  last(): State<A> | undefined;
  /** Of the slopes of its stages. */
  terms: ReadSlopes<A>['terms'];
  /**
   * Sets ∂ℒ/∂t of each state that was read, and gives what reading adds to ∂ℒ/∂t₀ and ∂ℒ/∂t₁ of the step, the uses of its own
   * slopes not counted. `slopes` are those of the stages, as far as they were pulled back, and, last, the one at the end.
   */
  times(slopes: readonly (State<A> | undefined)[]): Pick<StepCotangents<A>, 't0' | 't1'>;
}

/**
 * Pulls the cotangents of what was read off a step back to the values of the step.
 *
 * With x = (t − t₀)/h and v the cotangents: λ += Σ end(x) v, ∂ℒ/∂y₀ += Σ start(x) v; qₘ = Σ bumpₘ(x) v is, times h dₘᵢ, that of slope
 * i; and h Σ first(x) v and h (Σ last(x) v + Σₘ dₘ,end qₘ) are those of the slopes at the two ends.
 */
export function readBack<A>(
  { problem, solver, memory }: Pick<Sweep<A>, 'problem' | 'solver' | 'memory'>,
  span: Span,
  { xs, weights, over, along, setTimes }: StepReadings<A>,
): ReadBack<A> {
  const { timeGradients = false, y0 } = problem;
  const { engine } = memory;
  const interpolant = solver.interpolant!;
  const total = (terms: readonly Term<State<A>>[], scale = 1): State<A> | undefined => {
    const [first] = terms;
    if (terms.length === 1 && scale * first!.coefficient === 1) return first!.value;
    return first && combineStates(engine, undefined, terms, scale);
  };
  const sum = (weight: (weights: InterpolantWeights) => number): readonly Term<State<A>>[] =>
    over(weights.map(weight));
  const h = sizeOf(span);
  // Made when they are asked for: of the step before only the slope at the end is.
  const bumps = interpolant.bumps.map((d, m) => ({ d, q: once(() => total(sum((w) => w.bumps[m]!))) }));
  const bumpTerms = (index: number): readonly Term<State<A>>[] =>
    bumps.flatMap(({ d, q }) => {
      const coefficient = d.at(index)!;
      const value = coefficient === 0 ? undefined : q();
      return value ? [{ coefficient, value }] : [];
    });
  const first = once(() => total(sum((w) => w.first)));
  return {
    end: once(() => total(sum((w) => w.end))),
    start: once(() => total(sum((w) => w.start))),
    last: once(() => {
      const terms = [...sum((w) => w.last), ...bumpTerms(-1)];
      // Where times are differentiated the slope at the end is asked for in any case.
      return terms.length > 0 || !timeGradients ? total(terms, h) : y0.map((x) => engine.zeros(x));
    }),
    terms(index) {
      const own = index === 0 ? first() : undefined;
      return [...bumpTerms(index), ...(own ? [{ coefficient: 1, value: own }] : [])];
    },
    times(slopes) {
      let [h0, t0] = [0, 0];
      const products = slopes.map((slope) => (slope ? along(slope) : xs.map(() => 0)));
      setTimes(
        xs.map((x, i) => {
          const rate = interpolant
            .slopes(interpolant.rates(x))
            .reduce((total, weight, k) => (weight === 0 ? total : total + weight * products[k]![i]!), 0);
          // The slope at the end is not among the step's own, whose uses the step counts.
          h0 += interpolant.slopes(weights[i]!).at(-1)! * products.at(-1)![i]! - x * rate;
          t0 -= rate;
          return rate;
        }),
      );
      return { t0: t0 - h0, t1: h0 };
    },
  };
}
