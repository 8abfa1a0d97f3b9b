import { once } from '../memory/once.ts';
import type { Memory } from '../memory/memory.ts';
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
  return {
    span,
    at: (t) => (t === span.t1 ? read.step.y : stateAt(memory, interpolant, dense(), fractionOf(span, t))),
    rate: (t) => rateAt(memory, interpolant, dense(), fractionOf(span, t)),
  };
}
