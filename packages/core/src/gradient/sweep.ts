import type { Sweep } from './work.ts';
import { SolveError } from '../arguments/errors.ts';
import { reachedAt } from '../stepping/progress.ts';
import type { Reached, Steps } from '../types/progress.ts';
import { stageEvaluator } from '../stepping/evaluator.ts';
import { openStages, pullBackSegment, pullBackStage, pullBackSteps } from './pull-back.ts';
import { isJump } from '../stepping/pace.ts';
import { outputsAt } from './repeated-times.ts';
import { readBack, type ReadBack } from './read-back.ts';
import { readingsOf } from './readings.ts';
import { restore } from './restore.ts';
import { runningSum } from '../memory/running-sum.ts';
import { combineStates, dotStates } from '../memory/state.ts';
import { instant, sizeOf, stageTime } from '../solver/span.ts';
import { includes } from './trajectory.ts';
import type { Gradient, ReadCotangents } from '../types/problem.ts';
import type { Stage, StageCotangents, StepCotangents } from '../types/solver.ts';
import type { Span } from '../types/span.ts';
import type { State } from '../types/engine.ts';
import { endCotangents, firstTogether } from './together.ts';

/**
 * The backward recursion over all steps: the only one. Where the schedule has kept too little of a step, the
 * steps from the nearest kept state are made again, keeping what the schedule says. Pauses between steps. The caller owns the result.
 */
export function* sweep<A>(
  work: Sweep<A>,
  cotangents: readonly (State<A> | undefined)[],
  within: ReadCotangents<A> = {},
): Steps<A, Gradient<A>> {
  const { problem, method, solver, memory, trajectory, plan, outputs } = work;
  const { field, y0, ts, timeGradients = false } = problem;
  const { engine } = memory;
  const baseline = trajectory.levels();
  const tsBar = ts.map(() => 0);
  const readings = readingsOf(work, within);
  /** The cotangents of what was read off step n; for as long as the scope that is open. */
  const readAt = (n: number, span: Span): ReadBack<A> | undefined => {
    const found = readings.at(n, span);
    return found && readBack(work, span, found);
  };
  const readOff = (n: number): ReadBack<A> | undefined =>
    n < 0 || readings.isEmpty ? undefined : readAt(n, trajectory.entry(n).span);
  /** The slope at the end of the step that is next, held, where times are differentiated. */
  let endSlope: State<A> | undefined;
  const keepEndSlope = (slope: State<A> | undefined): void => {
    if (slope) memory.hold(slope);
    if (endSlope) memory.drop(endSlope);
    endSlope = slope;
  };
  let lambda: State<A> | undefined;
  let pause: Reached<A> | undefined;
  let pauses = true;
  const parameters = runningSum(memory);
  const carry = (next: State<A>): void => {
    memory.hold(next);
    if (lambda) memory.drop(lambda);
    lambda = next;
  };
  const plus = (x: State<A>, y: State<A>): State<A> =>
    combineStates(engine, x, [{ coefficient: 1, value: y }]);
  const zeros = (like: State<A>): State<A> => like.map((x) => engine.zeros(x));
  const joinLambda = (summand: State<A> | undefined): void => {
    if (summand) carry(lambda ? plus(lambda, summand) : summand);
  };

  const evaluator = stageEvaluator(problem, memory, 'slopes');
  /** Adds the cotangents of the outputs at the time of output `first` to λ, last first. */
  const inject = (first: number): void => {
    memory.scope(() => {
      let slope: State<A> | undefined;
      for (const i of outputsAt(ts, first)) {
        if (!problem.steps) joinLambda(cotangents[i]);
        if (!timeGradients || !lambda || i === first) continue;
        // What lies between two outputs at one time is a step y + h f whose h is 0, and whose ends can move.
        slope ??= evaluator.at(instant(ts[i]!), 0, outputs[i]!).slope!;
        const rate = dotStates(engine, lambda, slope);
        tsBar[i]! += rate;
        tsBar[i - 1]! -= rate;
      }
    });
  };

  const pullbackAt = (stage: Stage<A>, cotangent: State<A>, inner?: boolean): StageCotangents<A> =>
    memory.scope(() => {
      const pulled = pullBackStage(problem, memory, stage, cotangent, inner);
      memory.hold(pulled.y);
      parameters.add(pulled.parameters);
      return { y: pulled.y, t: pulled.t, ...(timeGradients ? { slope: memory.hold(pulled.value!) } : {}) };
    });

  /** ∂ℒ/∂y at the ends of steps m to n, as far as there are cotangents. */
  const cotangentsFrom = (m: number, n: number): (State<A> | undefined)[] => {
    const ends: (State<A> | undefined)[] = [];
    for (let i = m; i < n; i++) {
      const here = endCotangents(work, i, cotangents);
      ends.push(here.length > 0 ? here.reduce(plus) : undefined);
    }
    ends.push(lambda);
    return ends.slice(0, ends.findLastIndex((end) => end !== undefined) + 1);
  };

  /** Pulls ∂ℒ/∂y at the end of step n back to the start of step m, by way of the engine. */
  const pullBackTogether = (m: number, n: number): void => {
    const { segment } = trajectory.entry(n);
    const ends = segment ? cotangentsFrom(m, n) : [];
    if (!lambda && ends.length === 0) return;
    const pulled = segment
      ? pullBackSegment(work, segment.linearization, ends)
      : pullBackSteps(work, trajectory.steps(m, n), lambda!);
    carry(pulled.y);
    parameters.add(pulled.parameters);
  };

  /** Adds ∂ℒ/∂t of the two ends of step n to those of the output times that they move with (`Proposal.moves`). */
  const addTimes = (n: number, { t0, t1 }: Pick<StepCotangents<A>, 't0' | 't1'>): void => {
    const { interval, moves } = trajectory.entry(n);
    tsBar[interval]! += t0 * (1 - moves[0]) + t1 * (1 - moves[1]);
    tsBar[interval + 1]! += t0 * moves[0] + t1 * moves[1];
  };

  /** Pulls the cotangent of the slope at the end of step n back by itself, at the state there: where no step takes it along. */
  const pullBackEnd = (n: number, end: () => State<A>, cotangent: State<A> | undefined): void => {
    if (!cotangent) return;
    memory.scope(() => {
      const t = stageTime(trajectory.entry(n).span, 1);
      const pulled = pullBackStage(problem, memory, { t, y: end() }, cotangent);
      joinLambda(pulled.y);
      parameters.add(pulled.parameters);
      addTimes(n, { t0: 0, t1: pulled.t });
      if (timeGradients) keepEndSlope(pulled.value);
    });
  };

  /** Pulls ∂ℒ/∂y back through step n, of which the stages are there, and the slope at its start for the step before. */
  const pullBackStages = (
    n: number,
    stages: readonly Stage<A>[],
    cotangent: State<A>,
    read: ReadBack<A> | undefined,
    shared: State<A> | undefined,
  ): void => {
    const { span } = trajectory.entry(n);
    const pulled: StageCotangents<A>[] = [];
    const slopes = new Array<State<A> | undefined>(stages.length + 1);
    const open = openStages(problem, memory, stages);
    const step = solver.adjointStep({
      engine,
      span,
      cotangent,
      trials: open,
      pullback(index, slopeCotangent, inner) {
        const result = pullbackAt(open.at(index), slopeCotangent, inner);
        open.close(index);
        pulled.push(result);
        slopes[index] = result.slope;
        return result;
      },
      withTime: timeGradients,
      read: read || shared ? { terms: (index) => read?.terms(index) ?? [], first: shared } : undefined,
    });
    carry(step.y);
    joinLambda(read?.start());
    addTimes(n, step);
    if (read && timeGradients) {
      slopes[stages.length] = endSlope;
      addTimes(n, read.times(slopes));
    }
    if (timeGradients) keepEndSlope(shared && slopes[0]);
    for (const { y: g, slope } of pulled) {
      memory.drop(g);
      if (slope) memory.drop(slope);
    }
  };

  const checkAborted = (n: number): void => {
    if (!method.signal?.aborted) return;
    const { span } = trajectory.entry(n);
    throw new SolveError('aborted', 'The backward pass was aborted', {
      t: span.t1,
      h: sizeOf(span),
      steps: trajectory.length - n - 1,
    });
  };

  /** Goes back over step n, and over those before it that are pulled back with it; says which step is next. */
  const back = (n: number): number =>
    memory.scope(() => {
      checkAborted(n);
      const { interval, lands } = trajectory.entry(n);
      if (problem.steps) joinLambda(cotangents[n + 1]);
      // A step that was to land may have been cut by the end of the solve.
      if (lands && !(problem.ending && !outputs[interval + 1])) inject(interval + 1);
      const read = readOff(n);
      if (read) joinLambda(read.end());
      if (n === trajectory.length - 1) pullBackEnd(n, () => work.end!, read?.last());
      const before = readOff(n - 1);
      // Beyond a jump the first slope is another than the last one before.
      const apart = n > 0 && trajectory.entry(n - 1).lands && isJump(problem, interval);
      if (!lambda && before?.last()) carry(zeros(y0));
      if (lambda && !includes(trajectory.level(n), 'stages')) {
        restore(work, n, { byStages: read !== undefined, read: read !== undefined || before !== undefined });
      }
      const { stages } = trajectory.entry(n);
      const m = stages ? n : firstTogether(work, n, cotangents, (i) => readOff(i) !== undefined);
      if (stages) {
        if (lambda) pullBackStages(n, stages, lambda, read, apart ? undefined : before?.last());
        if (apart) pullBackEnd(n - 1, () => trajectory.state(n), before?.last());
      } else {
        pullBackTogether(m, n);
        if (m > 0) pullBackEnd(m - 1, () => trajectory.state(m), readOff(m - 1)?.last());
      }
      for (let i = n; i >= m; i--) {
        checkAborted(i);
        trajectory.demote(i, plan.consumes ? (i === 0 ? 'state' : 'nothing') : baseline(i));
        const { span } = trajectory.entry(i);
        const steps = trajectory.length - i;
        if (!lambda || !(method.onStep || (pauses && i === m))) continue;
        pause = reachedAt(engine, lambda, { phase: 'backward', t: span.t0, h: sizeOf(span), steps });
        method.onStep?.(pause);
      }
      return m - 1;
    });

  const close = memory.open();
  try {
    if (trajectory.length > 0) joinLambda(within.end);
    for (let n = trajectory.length - 1; n >= 0;) {
      n = back(n);
      if (pause && pauses) pauses = (yield pause) !== 'rest';
      pause = undefined;
    }
    lambda ??= memory.hold(zeros(y0));
    if (trajectory.length === 0) {
      // Where no step is taken, all that was read is y0.
      joinLambda(readAt(0, instant(ts[0]!))?.end());
      joinLambda(within.end);
    }
    if (problem.steps) joinLambda(cotangents[0]);
    inject(0);
    return {
      y0: memory.escape(lambda),
      parameters: memory.escape(parameters.value ?? zeros(field.parameters)),
      ts: tsBar,
      ...readings.times,
    };
  } finally {
    close();
  }
}
