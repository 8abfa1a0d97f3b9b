import { dotStates } from '../memory/state.ts';
import type { Engine, State } from '../types/engine.ts';
import type { Progress, Reached } from '../types/progress.ts';

/** Where a loop is; the norm is computed when it is asked for. */
export function reachedAt<A>(
  engine: Engine<A>,
  y: State<A>,
  { phase, t, h, steps }: Omit<Progress, 'norm'>,
): Reached<A> {
  return {
    phase,
    t,
    h,
    steps,
    y,
    get norm() {
      return Math.sqrt(dotStates(engine, y, y));
    },
  };
}

/** Goes through all steps at once. */
export function drain<T>(steps: Generator<unknown, T, 'rest' | undefined>): T {
  for (;;) {
    const next = steps.next('rest');
    if (next.done) return next.value;
  }
}
