import type { Sweep } from './work.ts';
import { stageEvaluator } from '../stepping/evaluator.ts';
import { fusedStep, wholeAdjoint } from '../stepping/fused-calls.ts';
import { includes, type Level, type Made } from './trajectory.ts';
import type { Span } from '../types/span.ts';
import type { State } from '../types/engine.ts';

/** Brings step `last` to a level at which it can be pulled back, from the nearest state that is kept. */
export function restore<A>(work: Sweep<A>, last: number): void {
  const { problem, solver, memory, trajectory, retention } = work;
  const from = trajectory.nearest(last);
  const plan = retention.restore(from, last, trajectory);
  // It is about to be pulled back, and the engine does that from its state, holding activations meanwhile.
  if (from === last && wholeAdjoint(work, fusedStep(problem, solver.tableau))) {
    plan(last);
    return;
  }
  let y = trajectory.state(from);
  for (let n = from; n <= last; n++) {
    const level = plan(n);
    const { span } = trajectory.entry(n);
    const next = memory.scope(() => {
      if (n === last) {
        trajectory.promote(n, level, y, remake(work, span, y, level));
        return undefined;
      }
      const evaluator = stageEvaluator(problem, memory, level === 'activations');
      const step = solver.step(evaluator, span, y, { error: false, stages: level === 'stages' });
      memory.ledger.extraSteps += 1;
      if (includes(level, 'state')) trajectory.promote(n, level, y, step);
      return memory.hold(step.y);
    });
    if (n > from) memory.drop(y);
    if (next) y = next;
  }
}

/** What the pullback of a step from `y` needs at `level`: its stages, or less where the engine fuses steps. */
function remake<A>(work: Sweep<A>, span: Span, y: State<A>, level: Level): Made<A> {
  const { problem, solver, memory } = work;
  const fused = fusedStep(problem, solver.tableau);
  if (wholeAdjoint(work, fused)) return { stages: [] };
  const activations = level === 'activations';
  // Of the slopes without activations only the points of later stages are made, and there f is pulled back.
  const evaluator = stageEvaluator(problem, memory, activations, undefined, true);
  if (activations && fused?.linearize) return evaluator.fused!(solver.tableau!, solver.stages, span, y)!;
  return { stages: solver.restage(evaluator, span, y, activations ? 'all' : 'needed') };
}
