import { once } from '../memory/once.ts';
import { combineStates, dotStates } from '../memory/state.ts';
import { sizeOf } from '../solver/span.ts';
import { fractionOf, nonZero, timesWithin } from '../stepping/between.ts';
import type { State, Term } from '../types/engine.ts';
import type { InterpolantWeights } from '../types/interpolant.ts';
import type { ReadSlopes, StepCotangents } from '../types/solver.ts';
import type { Span } from '../types/span.ts';
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
   * ∂ℒ/∂t of each state that was read, by its index; and what reading adds to ∂ℒ/∂t₀ and ∂ℒ/∂t₁ of the step, the uses of its own
   * slopes not counted. `slopes` are those of the stages, as far as they were pulled back, and, last, the one at the end.
   */
  times(slopes: readonly (State<A> | undefined)[]): Pick<StepCotangents<A>, 't0' | 't1'> & {
    readonly read: ReadonlyMap<number, number>;
  };
}

/**
 * Pulls the cotangents of the states between back to the values of the step that they were read off. Undefined where there are none.
 *
 * With x = (t − t₀)/h and v the cotangents: λ += Σ end(x) v, ∂ℒ/∂y₀ += Σ start(x) v; qₘ = Σ bumpₘ(x) v is, times h dₘᵢ, that of slope
 * i; and h Σ first(x) v and h (Σ last(x) v + Σₘ dₘ,end qₘ) are those of the slopes at the two ends.
 */
export function readBack<A>(
  { problem, solver, memory }: Pick<Sweep<A>, 'problem' | 'solver' | 'memory'>,
  span: Span,
  cotangents: readonly (State<A> | undefined)[],
): ReadBack<A> | undefined {
  const { between = [], timeGradients = false } = problem;
  const { from, to } = timesWithin(between, span);
  const read: { readonly index: number; readonly x: number; readonly v: State<A> }[] = [];
  for (let index = from; index < to; index++) {
    const v = cotangents[index];
    if (v) read.push({ index, x: fractionOf(span, between[index]!), v });
  }
  if (read.length === 0) return undefined;

  const { engine } = memory;
  const interpolant = solver.interpolant!;
  const weights = read.map(({ x }) => interpolant.weights(x));
  const values = read.map(({ v }) => v);
  const total = (terms: readonly Term<State<A>>[], scale?: number): State<A> | undefined =>
    terms.length > 0 ? combineStates(engine, undefined, terms, scale) : undefined;
  const over = (weight: (weights: InterpolantWeights) => number): readonly Term<State<A>>[] => {
    const terms = nonZero(weights.map(weight), values);
    return terms.every(({ coefficient }) => coefficient === 0) ? [] : terms;
  };
  const h = sizeOf(span);
  // Made when they are asked for: of the step before only the slope at the end is.
  const bumps = interpolant.bumps.map((d, m) => ({ d, q: once(() => total(over((w) => w.bumps[m]!))) }));
  const bumpTerms = (index: number): readonly Term<State<A>>[] =>
    bumps.flatMap(({ d, q }) => {
      const coefficient = d.at(index)!;
      const value = coefficient === 0 ? undefined : q();
      return value ? [{ coefficient, value }] : [];
    });
  const first = once(() => total(over((w) => w.first)));
  return {
    end: once(() => total(over((w) => w.end))),
    start: once(() => total(over((w) => w.start))),
    last: once(() => {
      const terms = [...over((w) => w.last), ...bumpTerms(-1)];
      // Where times are differentiated the slope at the end is asked for in any case.
      return total(terms.length > 0 || !timeGradients ? terms : [{ coefficient: 0, value: values[0]! }], h);
    }),
    terms(index) {
      const own = index === 0 ? first() : undefined;
      return [...bumpTerms(index), ...(own ? [{ coefficient: 1, value: own }] : [])];
    },
    times(slopes) {
      let [h0, t0] = [0, 0];
      const rates = new Map<number, number>();
      read.forEach(({ index, x, v }, i) => {
        const along = slopes.map((slope) => (slope ? dotStates(engine, v, slope) : 0));
        const rate = interpolant
          .slopes(interpolant.rates(x))
          .reduce((sum, weight, k) => (weight === 0 ? sum : sum + weight * along[k]!), 0);
        rates.set(index, rate);
        // The slope at the end is not among the step's own, whose uses the step counts.
        h0 += interpolant.slopes(weights[i]!).at(-1)! * along.at(-1)! - x * rate;
        t0 -= rate;
      });
      return { t0: t0 - h0, t1: h0, read: rates };
    },
  };
}
