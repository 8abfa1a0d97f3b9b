import { SolveError } from '../arguments/errors.ts';
import { stageEvaluator, type Upcoming } from './evaluator.ts';
import type { Memory } from '../memory/memory.ts';
import { adaptivePace, fixedPace, isFixed, type Pace, type Proposal } from './pace.ts';
import { instant, sizeOf } from '../solver/span.ts';
import { dropStage, holdStage } from '../memory/state.ts';
import type { Method, Problem } from '../types/problem.ts';
import type { Stage, StageEvaluator, Step } from '../types/solver.ts';
import type { State } from '../types/engine.ts';

/** Attempted steps of one solve unless the user says otherwise. */
export const DEFAULT_MAX_STEPS = 100_000;

/** Accepted steps of constant size from one look at whether the state is finite to the next. */
const FINITE_CHECK = 64;

/** One accepted step, at the moment of its acceptance. */
export interface AcceptedStep<A> extends Proposal {
  readonly index: number;
  /** The step lies between output times `interval` and `interval + 1`. */
  readonly interval: number;
  /** The state that it started from. */
  readonly y: State<A>;
  readonly step: Step<A>;
}

/** Who watches the loop: says what a step is to keep, and is told what came of it. */
export interface Watcher<A> {
  /** The stage at the start, held, where it has been evaluated already. */
  readonly first?: Stage<A> | undefined;
  /** What the step about to be attempted is to leave behind besides its result. */
  wants(index: number): 'nothing' | 'stages' | 'activations';
  /** Whether the same is kept of every step, or nothing is counted: an engine may then take several in one call. */
  readonly ahead?: boolean | undefined;
  accepted?(step: AcceptedStep<A>): void;
  /** The state at output time `index`; it lives on only if somebody holds it. */
  output(index: number, y: State<A>): void;
}

/**
 * The stepping loop: the only one. Steps from `ts[0]` over every output time, landing on each by assignment. An output
 * time that repeats the one before takes no step and gives the same state.
 *
 * @throws {SolveError} `max-steps`, `step-underflow`, `non-finite` or `aborted`, saying where.
 */
export function integrate<A>(
  problem: Problem<A>,
  method: Method,
  memory: Memory<A>,
  watcher: Watcher<A>,
): void {
  const { ts } = problem;
  const { solver, stepping, maxSteps = DEFAULT_MAX_STEPS } = method;
  const { engine, ledger } = memory;
  if (ts.at(-1) === ts[0]) {
    ts.forEach((_, i) => {
      watcher.output(i, problem.y0);
    });
    return;
  }

  memory.scope(() => {
    const upcoming: Upcoming = (limit) => (watcher.ahead ? pace.upcoming(limit) : []);
    const plain: StageEvaluator<A> = stageEvaluator(problem, memory, false, upcoming);
    const taping: StageEvaluator<A> = stageEvaluator(problem, memory, true, upcoming);
    const evaluator = (index: number): typeof plain =>
      watcher.wants(index) === 'activations' ? taping : plain;
    let { first } = watcher;
    let y = memory.hold(problem.y0);
    let t = ts[0]!;
    let steps = 0;
    let attempts = 0;
    const fail = (code: SolveError['code'], message: string, h: number): never => {
      throw new SolveError(code, message, {
        t,
        h,
        steps,
        ...(pace.errorNorm === undefined ? {} : { errorNorm: pace.errorNorm }),
      });
    };

    if (!isFixed(stepping) && stepping.firstStep === undefined) {
      first ??= holdStage(memory, evaluator(0).at(instant(t), 0, y));
      if (!first.slope!.every((k) => engine.isFinite(k))) {
        throw new SolveError('non-finite', 'f(t0, y0) is not finite', { t, h: 0, steps });
      }
    }
    const pace: Pace<A> = isFixed(stepping)
      ? fixedPace<A>(ts, stepping)
      : memory.scope(() => adaptivePace(problem, method, stepping, first, plain));

    const attempt = (interval: number): boolean =>
      memory.scope(() => {
        const proposal = pace.propose(t, steps);
        const { span } = proposal;
        const h = sizeOf(span);
        if (method.signal?.aborted) fail('aborted', 'The solve was aborted', h);
        if (++attempts > maxSteps) {
          fail(
            'max-steps',
            `${maxSteps} steps did not reach t = ${ts.at(-1)!}. Raise \`maxSteps\`, loosen the tolerances, or look ` +
              `for stiffness`,
            h,
          );
        }
        const wants = watcher.wants(steps);
        const request = { first, error: pace.adaptive, stages: wants === 'stages' };
        const step = solver.step(wants === 'activations' ? taping : plain, span, y, request);
        const accept = pace.judge(proposal, y, step);
        // An accepted step hands its last slope on (FSAL); a rejected one its first, for the next attempt.
        const [opening] = step.stages;
        const next = accept ? step.last : opening?.y === y && opening.t === t ? opening : first;
        if (next) holdStage(memory, next);
        if (accept) watcher.accepted?.({ ...proposal, index: steps, interval, y, step });
        if (first) dropStage(memory, first);
        first = next;
        if (!accept) {
          if (ledger.phase === 'forward') ledger.rejected += 1;
          return false;
        }
        if (ledger.phase === 'forward') ledger.accepted += 1;
        memory.hold(step.y);
        memory.drop(y);
        y = step.y;
        t = span.t1;
        steps += 1;
        // No step makes a state finite again, so the way to the output time would be for nothing.
        if (!pace.adaptive && steps % FINITE_CHECK === 0) checkFinite(interval, h);
        method.onStep?.({ phase: 'forward', t, h, steps });
        return proposal.lands;
      });

    const checkFinite = (interval: number, h: number): void => {
      if (y.every((part) => engine.isFinite(part))) return;
      fail(
        'non-finite',
        `The state became infinite or NaN between t = ${ts[interval]!} and t = ${t}. ` +
          `Take smaller steps, or an adaptive solver`,
        h,
      );
    };

    watcher.output(0, y);
    for (let interval = 0; interval + 1 < ts.length; interval++) {
      if (ts[interval + 1] !== ts[interval]) {
        pace.enter(interval);
        while (!attempt(interval));
        checkFinite(interval, 0);
      }
      watcher.output(interval + 1, y);
    }
    if (first) dropStage(memory, first);
    memory.drop(y);
  });
}
