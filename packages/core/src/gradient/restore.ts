import type { Sweep } from './work.ts';
import { isRead } from '../stepping/between.ts';
import { stageEvaluator } from '../stepping/evaluator.ts';
import { includes, wantedFor, type Level, type Made } from './trajectory.ts';
import type { State } from '../types/engine.ts';

/** What a step is made again for. */
export interface Use {
  /** Whether it is to be pulled back by its stages, though the engine could do it in one call. */
  readonly byStages: boolean;
  /** Whether cotangents come to its slopes from states that were read off it or off the step before. */
  readonly read: boolean;
}

/** Brings step `last` to a level at which it can be pulled back, from the nearest state that is kept. */
export function restore<A>(work: Sweep<A>, last: number, use: Use): void {
  const { memory, stepper, trajectory, plan } = work;
  const from = trajectory.nearest(last);
  const levelOf = plan.restore(from, last, trajectory, use.byStages);
  /** Whether something was read off slopes of step n: its own, or the one at its start. */
  const isReadBy = (n: number): boolean =>
    [n, n - 1].some((i) => i >= 0 && isRead(work.problem, trajectory.entry(i).span));
  // Held, from the first that is made.
  let y: State<A> | undefined;
  for (let n = from; n < last; n++) {
    const level = levelOf(n);
    const start = y ?? trajectory.state(from);
    const next = memory.scope(() => {
      const [step] = stepper.advance(
        [trajectory.entry(n).span],
        start,
        wantedFor(level),
        undefined,
        isReadBy(n),
      );
      memory.ledger.extraSteps += 1;
      if (includes(level, 'state')) trajectory.promote(n, level, start, step!);
      return memory.hold(step!.y);
    });
    if (y) memory.drop(y);
    y = next;
  }
  const level = levelOf(last);
  if (!y && level === 'state') return;
  const start = y ?? trajectory.state(last);
  memory.scope(() => {
    trajectory.promote(last, level, start, remake(work, last, start, level, use));
  });
  if (y) memory.drop(y);
}

/** What the pullback of step `n` from `y` needs at `level`. */
function remake<A>(
  { problem, kernel, stepper, memory, solver, trajectory }: Sweep<A>,
  n: number,
  y: State<A>,
  level: Level,
  { byStages, read }: Use,
): Made<A> {
  if (level === 'state') return { stages: [] };
  const { span } = trajectory.entry(n);
  const activations = level === 'activations';
  if (kernel && activations && !byStages) return stepper.advance([span], y, 'activations')[0]!;
  // Of the slopes without activations only the points of later stages are made, and there f is pulled back.
  const evaluator = stageEvaluator(problem, memory, activations ? 'activations' : 'points');
  return { stages: solver.restage(evaluator, span, y, activations ? 'all' : 'needed', read) };
}
