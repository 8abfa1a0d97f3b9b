import { dotStates } from '../memory/state.ts';
import type { Engine, State } from '../types/engine.ts';
import type { Progress, Reached } from '../types/progress.ts';

/** Where a loop is; the norm is computed when it is asked for. A class, since a literal with a getter costs as much as ten steps. */
class Here<A> implements Reached<A> {
  readonly #engine: Engine<A>;
  readonly phase: Progress['phase'];
  readonly t: number;
  readonly h: number;
  readonly steps: number;
  readonly y: State<A>;

  constructor(engine: Engine<A>, y: State<A>, { phase, t, h, steps }: Omit<Progress, 'norm'>) {
    this.#engine = engine;
    this.phase = phase;
    this.t = t;
    this.h = h;
    this.steps = steps;
    this.y = y;
  }

  get norm(): number {
    return Math.sqrt(dotStates(this.#engine, this.y, this.y));
  }
}

export function reachedAt<A>(engine: Engine<A>, y: State<A>, at: Omit<Progress, 'norm'>): Reached<A> {
  return new Here(engine, y, at);
}

/** Goes through all steps at once. */
export function drain<T>(steps: Generator<unknown, T, 'rest' | undefined>): T {
  for (;;) {
    const next = steps.next('rest');
    if (next.done) return next.value;
  }
}
