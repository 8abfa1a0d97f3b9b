import { createBarrier } from './barrier.ts';
import { describe } from '../arguments/describe.ts';
import { ArgumentError, SolveError } from '../arguments/errors.ts';
import { errorNorm as normOf } from './error-norm.ts';
import { firstStep } from './first-step.ts';
import { stepLimits } from './step-limits.ts';
import { besideJumps } from '../solver/span.ts';
import type { Method, Problem } from '../types/problem.ts';
import type { AdaptiveStepping, FixedStepping, StepDecision, StepSizeController } from '../types/stepping.ts';
import type { Span } from '../types/span.ts';
import type { Stage, StageEvaluator, Step } from '../types/solver.ts';
import type { State } from '../types/engine.ts';

/** One step about to be attempted. */
export interface Proposal {
  readonly span: Span;
  /** How far the step's two ends move with the end of the output interval (and 1 − that with its start). */
  readonly moves: readonly [number, number];
  /** The step lies between output times `interval` and `interval + 1`. */
  readonly interval: number;
  /** Whether the step ends on the output time. */
  readonly lands: boolean;
}

/** Whether an attempt counts; one that is forced does though its error was too large. */
type Verdict = 'accepted' | 'rejected' | 'forced';

/** Where steps begin and end: by count, or by error. One for each solve. */
export interface Pace<A> {
  readonly adaptive: boolean;
  /** The next steps, up to `limit` as far as they are known: one at least where the last output time is not reached. */
  propose(t: number, steps: number, limit: number): readonly Proposal[];
  /** What becomes of the attempted step. */
  judge(proposal: Proposal, y: State<A>, step: Step<A>): Verdict;
  /** Scaled error of the last attempt. */
  readonly errorNorm: number | undefined;
}

/** Whether steps have a constant size. */
export function isFixed(stepping: FixedStepping | AdaptiveStepping): stepping is FixedStepping {
  return 'numSteps' in stepping || 'stepSize' in stepping;
}

/** Steps of constant size that fill the interval from `ta` to `tb`; none where the two are the same. */
export function stepsIn(ta: number, tb: number, stepping: FixedStepping): number {
  if (ta === tb) return 0;
  if ('numSteps' in stepping) return stepping.numSteps;
  // 1e-9: a step size that divides the interval up to rounding is not to cost one more step.
  return Math.max(1, Math.ceil(Math.abs(tb - ta) / stepping.stepSize - 1e-9));
}

/** Steps of constant size over all output times. */
export function stepsOver(problem: StepTimesOf, stepping: FixedStepping): number {
  return countsOf(problem, stepping).reduce((sum, count) => sum + count, 0);
}

/** The times that steps land on, and how many lie between. */
type StepTimesOf = Pick<Problem<never>, 'ts' | 'knots' | 'resumedFrom'>;

/**
 * Steps of constant size in each interval between neighbouring times. Knots cut the steps of the interval between outputs: what
 * lies between them is filled with equal steps none of which is larger; so is the rest of an interval in which a solve resumes.
 */
function countsOf(problem: StepTimesOf, stepping: FixedStepping): readonly number[] {
  const { ts, resumedFrom = ts[0]! } = problem;
  let [from, to] = [0, 0];
  return ts.slice(1).map((tb, i) => {
    if (i >= to) {
      [from, to] = [i, i + 1];
      while (to < ts.length - 1 && !isCounted(problem, to)) to += 1;
    }
    const start = from === 0 ? resumedFrom : ts[from]!;
    const whole = stepsIn(start, ts[to]!, stepping);
    if (to === from + 1 && start === ts[from]) return whole;
    const even = whole === Infinity ? stepping : { stepSize: Math.abs(ts[to]! - start) / whole };
    return stepsIn(ts[i]!, tb, even);
  });
}

/** The span of a step as f is to see it, where `first` says that it begins its interval and `lands` that it ends it. */
export function seenSpan<A>(
  problem: Pick<Problem<A>, 'knots' | 'field'>,
): (
  span: Span,
  step: { readonly interval: number; readonly first: boolean; readonly lands: boolean },
) => Span {
  const { knots, field } = problem;
  if (!knots) return (span) => span;
  return (span, { interval, first, lands }) =>
    besideJumps(
      span,
      first && isJump(problem, interval),
      lands && isJump(problem, interval + 1),
      field.engine.roundoff,
    );
}

/** Whether steps of constant size are counted from `ts[index]`. */
export function isCounted({ knots }: Pick<Problem<never>, 'knots'>, index: number): boolean {
  const { counts, output } = knots?.get(index) ?? { output: true };
  return counts ?? output;
}

/** Whether f jumps at `ts[index]`. */
export const isJump = ({ knots }: Pick<Problem<never>, 'knots'>, index: number): boolean =>
  knots?.get(index)?.jump ?? false;

/** Equal steps, indexed by integer: output times are reached by assignment, never by adding up. */
export function fixedPace<A>(problem: Problem<A>, stepping: FixedStepping): Pace<A> {
  const { ts } = problem;
  const seen = seenSpan(problem);
  const counts = countsOf(problem, stepping);
  let [interval, index] = [0, 0];
  const spanOf = (i: number, j: number): Span => {
    const [ta, tb, count] = [ts[i]!, ts[i + 1]!, counts[i]!];
    // Towards no end there is nothing to divide: a step size it is.
    const at = (n: number): number =>
      count === Infinity && 'stepSize' in stepping
        ? ta + Math.sign(tb) * stepping.stepSize * n
        : ta + (tb - ta) * (n / count);
    const grid = (n: number): number => (n === 0 ? ta : n === count ? tb : at(n));
    return seen({ t0: grid(j), t1: grid(j + 1) }, { interval: i, first: j === 0, lands: j + 1 === count });
  };
  return {
    adaptive: false,
    errorNorm: undefined,
    propose(_t, _steps, limit) {
      const proposals: Proposal[] = [];
      while (proposals.length < limit && interval + 1 < ts.length) {
        const count = counts[interval]!;
        if (index === count) {
          [interval, index] = [interval + 1, 0];
          continue;
        }
        const j = index++;
        const moves = [j / count, (j + 1) / count] as const;
        proposals.push({ span: spanOf(interval, j), moves, interval, lands: j + 1 === count });
      }
      return proposals;
    },
    judge: () => 'accepted',
  };
}

/**
 * Steps chosen by a controller. The last step of an interval is cut to land on the output time; the size
 * before the cut is taken up again after it. Step sizes are constants for the gradient, the first included:
 * all ends but the landing move with the interval's start.
 */
export function adaptivePace<A>(
  problem: Problem<A>,
  method: Method,
  stepping: AdaptiveStepping,
  first: Stage<A> | undefined,
  evaluator: StageEvaluator<A>,
): Pace<A> {
  const { solver } = method;
  const { ts } = problem;
  const seen = seenSpan(problem);
  if (solver.embeddedOrder === undefined) {
    throw new ArgumentError(
      `Solver '${solver.name}' estimates no error, so it cannot choose its own steps. ` +
        `Give \`numSteps\` or \`stepSize\`, or take a solver with an embedded error such as 'dopri5'.`,
    );
  }
  const order = Math.min(solver.order, solver.embeddedOrder) + 1;
  const norm = normOf(evaluator.engine, stepping);
  const sign = Math.sign(ts.at(-1)! - ts[0]!);
  const barrier = createBarrier({ t0: ts[0]!, t1: ts.at(-1)! }, evaluator.engine.roundoff);
  const limits = stepLimits(stepping);
  let h = limits.guessed(stepping.firstStep ?? firstStep(evaluator, first!, ts.at(-1)!, order - 1, norm));
  let interval = 0;
  let norms: readonly number[] = [];
  let errorNorm: number | undefined;
  let rejected = false;

  return {
    adaptive: true,
    get errorNorm() {
      return errorNorm;
    },
    propose(t, steps) {
      while (ts[interval + 1] === t) interval += 1;
      const tb = ts[interval + 1]!;
      const left = Math.abs(tb - t);
      const wall = errorNorm === Infinity ? barrier.before(t) : undefined;
      if (wall !== undefined) {
        throw new SolveError(
          'non-finite',
          `No step gets past t = ${wall}, where the state or the slope is no longer finite, and shorter ones only come ` +
            `closer. The solution outgrows its numbers there, or leaves where f is defined. Look at f for growth without ` +
            `bound, a root or a logarithm, or end the solve before`,
          { t, h, steps, errorNorm: Infinity },
        );
      }
      // A step one per cent longer beats a sliver of a step after it.
      const spanTo = (t1: number): Span =>
        seen({ t0: t, t1 }, { interval, first: t === ts[interval], lands: t1 === tb });
      if (left < Infinity && left <= limits.reach(h * 1.01))
        return [{ span: spanTo(tb), moves: [0, 1], interval, lands: true }];
      limits.check(h, left, { t, steps, ...(errorNorm === undefined ? {} : { errorNorm }) });
      return [{ span: spanTo(t + sign * h), moves: [0, 0], interval, lands: false }];
    },
    judge({ span, lands }, y, step) {
      const taken = Math.abs(span.t1 - span.t0);
      errorNorm = step.failed ? NaN : norm(step.error!, y, step.y);
      const { accept, factor } = step.failed
        ? NOT_FOUND
        : decide(stepping.controller, [errorNorm, ...norms], order);
      if (errorNorm === Infinity) barrier.hit(span);
      const isSmallest = limits.forces(h, taken);
      const forced =
        !accept && isSmallest && !step.failed && step.y.every((part) => evaluator.engine.isFinite(part));
      if (!accept && !forced) {
        // No step of the smallest size is tried again.
        h = isSmallest ? taken * factor : limits.within(taken * factor);
        rejected = true;
        return 'rejected';
      }
      barrier.passed(span);
      const proposed = taken * (rejected ? Math.min(1, factor) : factor);
      const cut = lands && taken < h;
      // A cut step's error says little about the size before the cut.
      h = limits.within(cut ? Math.max(h, proposed) : proposed);
      // Nor does one that was forced say how errors go with sizes.
      if (forced) norms = [];
      else if (!cut) norms = [errorNorm, ...norms].slice(0, 2);
      rejected = false;
      return forced ? 'forced' : 'accepted';
    },
  };
}

/** What becomes of a step whose stages were not found: they are where it is short enough. */
const NOT_FOUND: StepDecision = { accept: false, factor: 1 / 4 };

/** What a controller says, which may come from anywhere. */
function decide(controller: StepSizeController, norms: readonly number[], order: number): StepDecision {
  const decision = controller.next(norms, order) as Partial<StepDecision> | undefined;
  if (typeof decision?.accept === 'boolean' && decision.factor! > 0) return decision as StepDecision;
  throw new ArgumentError(
    `Controller '${controller.name}' must answer with { accept: true or false, factor: a positive number }, not ` +
      `${decision ? `{ accept: ${describe(decision.accept)}, factor: ${describe(decision.factor)} }` : describe(decision)}.`,
  );
}
