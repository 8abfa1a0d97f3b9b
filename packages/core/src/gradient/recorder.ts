import { denseSolution } from './dense-solution.ts';
import type { Memory } from '../memory/memory.ts';
import { reads, timesOfStep } from '../stepping/between.ts';
import type { Watcher } from '../stepping/integrate.ts';
import { observedStep } from '../stepping/observed-step.ts';
import { readRows, readStates, type ReadStep } from '../stepping/read-step.ts';
import { instant, sizeOf } from '../solver/span.ts';
import type { Ending } from '../types/event.ts';
import type { State } from '../types/engine.ts';
import type { Failure } from '../types/failure.ts';
import type { Method, Problem, ReadRows, Solution } from '../types/problem.ts';

/** Takes what is wanted of a solve out of its steps, as these are accepted, and holds it. */
export interface Recorder<A>
  extends Required<Pick<Watcher<A>, 'output' | 'accepted'>>, Pick<Watcher<A>, 'failed'> {
  readonly recorded: Pick<Solution<A>, 'ts' | 'ys' | 'between' | 'rows' | 'ended' | 'failed' | 'at' | 'rate'>;
}

export function createRecorder<A>(
  problem: Problem<A>,
  { solver, onFailure }: Method,
  memory: Memory<A>,
): Recorder<A> {
  const { knots, between: times = [], rows: rowTimes } = problem;
  const ts: number[] = [];
  const [ys, between]: [State<A>[], State<A>[]] = [[], []];
  const rows: ReadRows<A>[] = [];
  const dense = problem.dense ? denseSolution(problem, solver, memory) : undefined;
  /** Whether anything is taken out of steps, besides outputs where they land. */
  const takes = problem.steps === true || reads(problem);
  let reached = 0;
  let failed: Failure<A> | undefined;
  let ended: Ending<A> | undefined;
  /** Reads the rows whose times lie in a step, or, where no step is taken, the rows of y0. */
  const readAll = (read: ReadStep<A>, index: number): void => {
    if (!rowTimes) return;
    const { from, to } = timesOfStep(rowTimes.times, read.span, index);
    if (to === from) return;
    const state = readRows(memory, solver.interpolant!, read, rowTimes.times.slice(from, to), {
      rows: rowTimes.rows.slice(from, to),
      count: rowTimes.count,
    });
    rows.push({ step: index, from, to, state: memory.hold(state) });
  };
  const save = (t: number, y: State<A>): void => {
    ts.push(t);
    ys.push(memory.hold(y));
  };
  return {
    recorded: {
      get ts() {
        return problem.steps ? ts : failed || ended ? problem.ts.slice(0, reached) : problem.ts;
      },
      ys,
      between,
      rows,
      get ended() {
        return ended;
      },
      get failed() {
        return failed;
      },
      ...dense?.readers,
    },
    ...(onFailure === 'return' && {
      failed(failure: Failure<A>) {
        memory.hold(failure.y);
        failed = failure;
      },
    }),
    output(index, y) {
      reached = index + 1;
      if (problem.steps) {
        if (index === 0) save(problem.ts[0]!, y);
      } else if (knots?.get(index)?.output ?? true) ys[index] = memory.hold(y);
      if (index === 0 && problem.ts[0] === problem.ts.at(-1))
        readAll({ span: instant(problem.ts[0]!), y, step: { y, stages: [] } }, 0);
    },
    accepted(step) {
      if (!takes) return;
      const { span, index, y, step: taken, last, end } = step;
      const read = { span, y, step: taken, last };
      if (end !== undefined) {
        const seen = observedStep(memory, solver.interpolant!, read);
        ended = {
          t: end,
          y: memory.hold(seen.at(end)),
          rate: memory.hold(seen.rate(end)),
          h: sizeOf(span),
        };
      }
      if (problem.steps) save(end ?? span.t1, ended?.y ?? taken.y);
      const within = timesOfStep(times, { t0: span.t0, t1: end ?? span.t1 }, index);
      if (within.to > within.from) {
        for (const state of readStates(
          memory,
          solver.interpolant!,
          read,
          times.slice(within.from, within.to),
        ))
          between.push(memory.hold(state));
      }
      readAll(read, index);
      dense?.add(step);
    },
  };
}
