import type { Sweep } from './work.ts';
import { SolveError } from '../arguments/errors.ts';
import { stageEvaluator } from '../stepping/evaluator.ts';
import { pullBackSegment, pullBackStage, pullBackSteps } from './pull-back.ts';
import { outputsAt } from './repeated-times.ts';
import { restore } from './restore.ts';
import { runningSum } from '../memory/running-sum.ts';
import { combineStates, dotStates } from '../memory/state.ts';
import { instant, sizeOf } from '../solver/span.ts';
import { includes } from './trajectory.ts';
import type { Gradient } from '../types/problem.ts';
import type { Stage, StageCotangents } from '../types/solver.ts';
import type { State } from '../types/engine.ts';
import { firstTogether } from './together.ts';

/**
 * The backward recursion over all steps: the only one. Where the schedule has kept too little of a step, the
 * steps from the nearest kept state are made again, keeping what the schedule says. The caller owns the result.
 */
export function sweep<A>(work: Sweep<A>, cotangents: readonly (State<A> | undefined)[]): Gradient<A> {
  const { problem, method, solver, memory, trajectory, plan, outputs } = work;
  const { field, y0, ts, timeGradients = false } = problem;
  const { engine } = memory;
  const baseline = trajectory.levels();
  const tsBar = ts.map(() => 0);
  let lambda: State<A> | undefined;
  const parameters = runningSum(memory);
  const carry = (next: State<A>): void => {
    memory.hold(next);
    if (lambda) memory.drop(lambda);
    lambda = next;
  };
  const plus = (x: State<A>, y: State<A>): State<A> =>
    combineStates(engine, x, [{ coefficient: 1, value: y }]);

  const evaluator = stageEvaluator(problem, memory, 'slopes');
  /** Adds the cotangents of the outputs at the time of output `first` to λ, last first. */
  const inject = (first: number): void => {
    memory.scope(() => {
      let slope: State<A> | undefined;
      for (const i of outputsAt(ts, first)) {
        const injected = cotangents[i];
        if (injected) carry(lambda ? plus(lambda, injected) : injected);
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
      const { lands, interval } = trajectory.entry(i);
      const here = (lands ? [...outputsAt(ts, interval + 1)] : []).flatMap((output) => {
        const cotangent = cotangents[output];
        return cotangent ? [cotangent] : [];
      });
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

  /** Pulls ∂ℒ/∂y back through a step of which the stages are there. */
  const pullBackStages = (n: number, stages: readonly Stage<A>[], cotangent: State<A>): void => {
    const { span, interval, moves } = trajectory.entry(n);
    const pulled: StageCotangents<A>[] = [];
    const step = solver.adjointStep({
      engine,
      span,
      cotangent,
      pullback(index, slopeCotangent, inner) {
        const result = pullbackAt(stages[index]!, slopeCotangent, inner);
        pulled.push(result);
        return result;
      },
      withTime: timeGradients,
    });
    carry(step.y);
    for (const { y: g, slope } of pulled) {
      memory.drop(g);
      if (slope) memory.drop(slope);
    }
    // The ends of a step move with the ends of its interval (`Proposal.moves`).
    tsBar[interval]! += step.t0 * (1 - moves[0]) + step.t1 * (1 - moves[1]);
    tsBar[interval + 1]! += step.t0 * moves[0] + step.t1 * moves[1];
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
      if (lands) inject(interval + 1);
      if (lambda && !includes(trajectory.level(n), 'stages')) restore(work, n);
      const m = firstTogether(work, n, cotangents);
      const { stages } = trajectory.entry(n);
      if (!stages) pullBackTogether(m, n);
      else if (lambda) pullBackStages(n, stages, lambda);
      for (let i = n; i >= m; i--) {
        checkAborted(i);
        trajectory.demote(i, plan.consumes ? (i === 0 ? 'state' : 'nothing') : baseline(i));
        const { span } = trajectory.entry(i);
        const steps = trajectory.length - i;
        if (lambda) method.onStep?.({ phase: 'backward', t: span.t0, h: sizeOf(span), steps });
      }
      return m - 1;
    });

  return memory.scope(() => {
    for (let n = trajectory.length - 1; n >= 0;) n = back(n);
    const zeros = (like: State<A>): State<A> => like.map((x) => engine.zeros(x));
    lambda ??= memory.hold(zeros(y0));
    inject(0);
    return {
      y0: memory.escape(lambda),
      parameters: memory.escape(parameters.value ?? zeros(field.parameters)),
      ts: tsBar,
    };
  });
}
