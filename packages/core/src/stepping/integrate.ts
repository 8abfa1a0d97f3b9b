import { isFailure, SolveError } from '../arguments/errors.ts';
import { countStep } from '../memory/ledger.ts';
import type { Memory } from '../memory/memory.ts';
import { adaptivePace, fixedPace, isFixed, isJump, type Pace, type Proposal } from './pace.ts';
import { drain, reachedAt } from './progress.ts';
import type { Failure } from '../types/failure.ts';
import type { Steps } from '../types/progress.ts';
import { createStepper, type TakenStep, type Wanted } from './stepper.ts';
import { besideJumps, instant, sizeOf, stageTime } from '../solver/span.ts';
import { dropStage, holdStage } from '../memory/state.ts';
import type { Method, Problem } from '../types/problem.ts';
import type { Stage } from '../types/solver.ts';
import type { Span } from '../types/span.ts';
import type { State } from '../types/engine.ts';
import { isRead, reads } from './between.ts';
import { observedStep } from './observed-step.ts';

/** Attempted steps of one solve unless the user says otherwise. */
export const DEFAULT_MAX_STEPS = 100_000;

const NOT_SOLVED =
  'The equations of an implicit step were not solved. Take smaller steps, or a solver that chooses them';

/** Accepted steps of constant size from one look at whether the state is finite to the next. */
const FINITE_CHECK = 64;

/** One accepted step, at the moment of its acceptance. */
export interface AcceptedStep<A> extends Proposal {
  readonly index: number;
  /** The state that it started from. */
  readonly y: State<A>;
  readonly step: TakenStep<A>;
  /** The stage at its end, where that is known or something within the step is read. */
  readonly last?: Stage<A> | undefined;
  /** Where the solve ends, if it ends within the step or at its end. */
  readonly end?: number | undefined;
}

/** Who watches the loop: says what a step is to keep, and is told what came of it. */
export interface Watcher<A> {
  /** The stage at the start, held, where it has been evaluated already. */
  readonly first?: Stage<A> | undefined;
  /** What the step about to be attempted is to leave behind besides its result. */
  wants(index: number): Wanted;
  /** Whether it is the same for every step: an engine may then take several in one call. */
  readonly ahead?: boolean | undefined;
  accepted?(step: AcceptedStep<A>): void;
  /** The state at output time `index`; it lives on only if somebody holds it. */
  output(index: number, y: State<A>): void;
  /** The solve cannot go on. It ends here where there is somebody to be told, and throws where there is nobody. */
  readonly failed?: ((failure: Failure<A>) => void) | undefined;
}

/** Goes through `integration` at once. */
export function integrate<A>(
  problem: Problem<A>,
  method: Method,
  memory: Memory<A>,
  watcher: Watcher<A>,
): void {
  drain(integration(problem, method, memory, watcher));
}

/**
 * The stepping loop: the only one. Steps from `ts[0]` over every output time, landing on each by assignment. An output
 * time that repeats the one before takes no step and gives the same state. Pauses after each accepted step; after the last of
 * those that the engine takes in one call. Whoever leaves it there releases what `memory` holds.
 *
 * @throws {SolveError} `max-steps`, `step-underflow`, `non-finite`, `no-convergence` or `aborted`, saying where; but for `aborted` only where the watcher
 * is not told of failures.
 */
export function* integration<A>(
  problem: Problem<A>,
  method: Method,
  memory: Memory<A>,
  watcher: Watcher<A>,
): Steps<A, void> {
  const { ts } = problem;
  const { solver, stepping, maxSteps = DEFAULT_MAX_STEPS } = method;
  const { engine, ledger } = memory;
  if (ts.at(-1) === ts[0]) {
    ts.forEach((_, i) => {
      watcher.output(i, problem.y0);
    });
    return;
  }

  const close = memory.open();
  try {
    const stepper = createStepper(problem, solver, memory);
    let { first } = watcher;
    let y = memory.hold(problem.y0);
    let t = ts[0]!;
    let steps = 0;
    let { attempted: attempts = 0 } = problem;
    let reached = 0;
    /** Of the last step that was accepted. */
    let size = 0;
    let pauses = true;
    let pace: Pace<A> | undefined;
    /** What the loop threw of itself, and not f or somebody who watches. */
    let own: unknown;
    let ended = false;
    const fail = (code: SolveError['code'], message: string, h: number): never => {
      const errorNorm = pace?.errorNorm;
      const details = { t, h, steps, ...(errorNorm === undefined ? {} : { errorNorm }) };
      throw (own = new SolveError(code, message, details));
    };

    const setOff = (): Pace<A> => {
      if (isFixed(stepping)) return fixedPace<A>(problem, stepping);
      if (stepping.firstStep === undefined) {
        // f sees the start from within where it jumps there; how far within is a matter of the numbers' size alone.
        const end = ts.at(-1)!;
        const t1 = Number.isFinite(end) ? end : t + Math.sign(end) * (Math.abs(t) || 1);
        const start = isJump(problem, 0)
          ? besideJumps({ t0: t, t1 }, true, false, engine.roundoff)
          : instant(t);
        first ??= holdStage(memory, stepper.evaluator(watcher.wants(0)).at(start, 0, y));
        if (!first.slope!.every((k) => engine.isFinite(k))) fail('non-finite', 'f(t0, y0) is not finite', 0);
      }
      return memory.scope(() => adaptivePace(problem, method, stepping, first, stepper.evaluator('nothing')));
    };

    const checkFinite = (state: State<A>, [ta, tb]: readonly [number, number], h: number): void => {
      if (state.every((part) => engine.isFinite(part))) return;
      fail(
        'non-finite',
        `The state became infinite or NaN between t = ${ta} and t = ${tb}. ` +
          `Take smaller steps, or an adaptive solver`,
        h,
      );
    };

    const begin = (span: Span): void => {
      const h = sizeOf(span);
      if (method.signal?.aborted) fail('aborted', 'The solve was aborted', h);
      if (++attempts > maxSteps) {
        fail(
          'max-steps',
          `${maxSteps} steps did not reach t = ${ts.at(-1)!}. Raise \`maxSteps\`, loosen the tolerances, or look ` +
            `for stiffness, which an implicit solver takes`,
          h,
        );
      }
    };

    const isReading = reads(problem);
    const isReadIn = (span: Span): boolean => isReading && isRead(problem, span);
    /** The slope at the end of a step, where the next one begins with it. */
    const slopeAtEnd = (span: Span, end: State<A>): Stage<A> =>
      stepper.evaluator(span.t1 === ts.at(-1) ? 'nothing' : watcher.wants(steps)).at(span, 1, end);

    /** Goes on to the end of a step, or stays where it is rejected. */
    const settle = (going: Pace<A>, proposal: Proposal, step: TakenStep<A>): void => {
      const { span, interval, lands } = proposal;
      const h = sizeOf(span);
      if (step.failed && !going.adaptive) fail('no-convergence', NOT_SOLVED, h);
      const verdict = going.judge(proposal, y, step);
      const accept = verdict !== 'rejected';
      if (accept && watcher.failed) checkFinite(step.y, [span.t0, span.t1], h);
      // An accepted step hands its last slope on (FSAL); a rejected one its first, for the next attempt.
      const [opening] = step.stages;
      const last = step.last ?? (accept && isReadIn(span) ? slopeAtEnd(span, step.y) : undefined);
      const jumps = lands && isJump(problem, interval + 1);
      const again = opening?.y === y && opening.t === stageTime(span, 0) ? opening : first;
      // What f is on the far side of a jump is another slope.
      const next = !accept ? again : jumps ? undefined : last;
      if (next) holdStage(memory, next);
      const end = accept
        ? problem.ending?.(observedStep(memory, solver.interpolant!, { span, y, step, last }))
        : undefined;
      const { moves } = proposal;
      if (accept) watcher.accepted?.({ span, moves, interval, lands, index: steps, y, step, last, end });
      if (first) dropStage(memory, first);
      first = next;
      if (ledger.phase === 'forward') countStep(ledger, verdict);
      if (!accept) return;
      memory.hold(step.y);
      memory.drop(y);
      y = step.y;
      t = span.t1;
      steps += 1;
      // No step makes a state finite again, so the way to the output time would be for nothing.
      if (!going.adaptive && steps % FINITE_CHECK === 0) checkFinite(y, [ts[interval]!, t], h);
      size = h;
      method.onStep?.(reachedAt(engine, y, { phase: 'forward', t, h, steps }));
      ended = end !== undefined;
      if (!lands || (ended && end !== t)) return;
      checkFinite(y, [ts[interval]!, t], 0);
      reach();
    };

    /** The output times at t, which is the next. */
    const reach = (): void => {
      do watcher.output(reached++, y);
      while (reached < ts.length && ts[reached] === t);
    };
    /** The next steps. */
    const propose = (going: Pace<A>, limit: number): readonly Proposal[] => {
      try {
        return going.propose(t, steps, limit);
      } catch (error) {
        own = error;
        throw error;
      }
    };
    const advance = (going: Pace<A>): void => {
      const wanted = watcher.wants(steps);
      // The activations of several steps are one, and no good for fewer where a solve may end between.
      const together = watcher.ahead && !isReading && !(watcher.failed && wanted === 'activations');
      const limit = Math.min(together ? stepper.longest(wanted) : 1, Math.max(1, maxSteps - attempts));
      const proposals = propose(going, limit);
      const spans = proposals.map(({ span }) => span);
      begin(spans[0]!);
      const read = isReadIn(spans[0]!);
      const taken = going.adaptive
        ? [stepper.attempt(spans[0]!, y, wanted, first, read)]
        : stepper.advance(spans, y, wanted, first, read);
      taken.forEach((step, i) => {
        const before = y;
        if (i > 0) begin(spans[i]!);
        settle(going, proposals[i]!, step);
        // The states of one call go one after the other, unless somebody holds them.
        if (i > 0) for (const part of before) engine.release(part);
      });
    };
    reach();
    const isOver = (): boolean => ended || reached === ts.length;
    try {
      const going = (pace = setOff());
      while (!isOver()) {
        const before = steps;
        memory.scope(() => {
          advance(going);
        });
        if (pauses && steps > before)
          pauses = (yield reachedAt(engine, y, { phase: 'forward', t, h: size, steps })) !== 'rest';
      }
    } catch (error) {
      if (!watcher.failed || error !== own || !isFailure(error)) throw error;
      watcher.failed({ error, t, y });
    }
    if (first) dropStage(memory, first);
    memory.drop(y);
  } finally {
    close();
  }
}
