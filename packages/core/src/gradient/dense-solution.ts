import { checkPoint } from '../arguments/check-point.ts';
import { ArgumentError } from '../arguments/errors.ts';
import type { Memory } from '../memory/memory.ts';
import { combineStates } from '../memory/state.ts';
import { fractionOf } from '../stepping/between.ts';
import type { AcceptedStep } from '../stepping/integrate.ts';
import { isJump } from '../stepping/pace.ts';
import { denseStep, rateAt, stateAt, type DenseStep } from '../stepping/read-step.ts';
import type { State } from '../types/engine.ts';
import type { Problem, Solution } from '../types/problem.ts';
import type { Solver } from '../types/solver.ts';

/** A solution that is read after it was made. Of each step it keeps the state, the slope at the end, and the bumps. */
export interface DenseSolution<A> {
  add(step: AcceptedStep<A>): void;
  readonly readers: Required<Pick<Solution<A>, 'at' | 'rate'>>;
}

export function denseSolution<A>(
  problem: Problem<A>,
  { interpolant }: Pick<Solver, 'interpolant'>,
  memory: Memory<A>,
): DenseSolution<A> {
  const { ts, y0 } = problem;
  const steps: DenseStep<A>[] = [];
  const sign = Math.sign(ts.at(-1)! - ts[0]!);
  /** The first step that does not end before t. */
  const stepAt = (t: number): DenseStep<A> => {
    let [low, high] = [0, steps.length - 1];
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (sign * (steps[middle]!.span.t1 - t) >= 0) high = middle;
      else low = middle + 1;
    }
    return steps[low]!;
  };
  /** From where to where there is a solution: a solve may stop before its last time. */
  const covered = (): readonly [number, number] => [ts[0]!, steps.at(-1)?.span.t1 ?? ts[0]!];
  const reader =
    (what: string, read: (step: DenseStep<A>, x: number) => State<A>) =>
    (t: number): State<A> => {
      checkPoint(covered(), t, what);
      if (steps.length === 0)
        throw new ArgumentError(`\`${what}\`: no step was taken, so the solution has no rate; evaluate f.`);
      return memory.scope(() => {
        const step = stepAt(t);
        return memory.escape(read(step, fractionOf(step.span, t)));
      });
    };
  const at = reader('at(t)', (step, x) => stateAt(memory, interpolant!, step, x));
  return {
    add(accepted) {
      const { interval, step } = accepted;
      const before = steps.at(-1);
      // What the step before ended with, unless f jumps there.
      const jumps = before?.span.t1 === ts[interval] && isJump(problem, interval);
      const shared = before && !jumps ? before.last : undefined;
      const dense = denseStep(memory, interpolant!, accepted, shared ?? step.stages[0]!.slope!);
      const { start, end, first, last, bumps } = dense;
      for (const kept of [start, end, first, last, ...bumps]) memory.keep(kept);
      steps.push(dense);
    },
    readers: {
      at: (t) => {
        if (steps.length > 0) return at(t);
        checkPoint(covered(), t, 'at(t)');
        return memory.escape(combineStates(memory.engine, undefined, [{ coefficient: 1, value: y0 }]));
      },
      rate: reader('rate(t)', (step, x) => rateAt(memory, interpolant!, step, x)),
    },
  };
}
