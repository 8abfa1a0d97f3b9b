import { once } from '../memory/once.ts';
import type { Memory } from '../memory/memory.ts';
import type { State } from '../types/engine.ts';
import type { ObservedStep } from '../types/event.ts';
import type { Interpolant } from '../types/interpolant.ts';
import { fractionOf } from './between.ts';
import { denseStep, rateAt, stateAt, type ReadStep } from './read-step.ts';

/** What an accepted step is to somebody who looks at it; nothing is made before it is asked for. */
export function observedStep<A>(
  memory: Memory<A>,
  interpolant: Interpolant,
  read: ReadStep<A>,
): ObservedStep<A> {
  const { span } = read;
  const dense = once(() => denseStep(memory, interpolant, read));
  // Several conditions look at the same times.
  const states = new Map([[span.t1, read.step.y]]);
  const stateOf = (t: number): State<A> => stateAt(memory, interpolant, dense(), fractionOf(span, t));
  const at = (t: number): State<A> => {
    let y = states.get(t);
    if (!y) states.set(t, (y = stateOf(t)));
    return y;
  };
  return {
    span,
    at,
    readAt(t, use) {
      const known = states.get(t);
      if (known) return use(known);
      // Not within the scope: what it is made of stays.
      dense();
      return memory.scope(() => use(stateOf(t)));
    },
    rate: (t) => rateAt(memory, interpolant, dense(), fractionOf(span, t)),
  };
}
