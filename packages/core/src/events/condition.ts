import type { Memory } from '../memory/memory.ts';
import { dotStates } from '../memory/state.ts';
import { SolveError } from '../arguments/errors.ts';
import type { Event } from '../types/event.ts';
import type { State } from '../types/engine.ts';
import type { Cotangents } from '../types/linearization.ts';

/** g(t, y) of an event. */
export function conditionAt<A>(memory: Memory<A>, { name, when }: Event<A>, t: number, y: State<A>): number {
  const value = memory.scope(() => {
    const { engine } = memory;
    return dotStates(engine, memory.adoptState(when.field.evaluate(t, y)), when.unit);
  });
  if (Number.isNaN(value))
    throw new SolveError('non-finite', `The condition of event '${name}' is NaN`, { t, h: 0, steps: 0 });
  return value;
}

/** ∂g/∂t, ∂g/∂y and ∂g/∂θ; they live until the scope that is open ends. */
export function conditionGradient<A>(
  memory: Memory<A>,
  { when }: Event<A>,
  t: number,
  y: State<A>,
): Cotangents<A> {
  const linearization = memory.adoptLinearization(when.field.linearize(t, y));
  const gradient = linearization.pullback(when.unit, true);
  memory.adoptState(gradient.y);
  memory.adoptState(gradient.parameters);
  return gradient;
}

/** dg/dt along a solution whose slope is `rate`, and how large the rounding errors of g and of this are. */
export function alongSolution<A>(
  memory: Memory<A>,
  event: Event<A>,
  { t, y, rate }: { readonly t: number; readonly y: State<A>; readonly rate: State<A> },
  gradient: Pick<Cotangents<A>, 't' | 'y'> = conditionGradient(memory, event, t, y),
): { readonly slope: number; readonly roundingOfValue: number; readonly roundingOfSlope: number } {
  const { engine } = memory;
  const length = (x: State<A>): number => Math.sqrt(dotStates(engine, x, x));
  const steepness = length(gradient.y);
  return {
    slope: gradient.t + dotStates(engine, gradient.y, rate),
    roundingOfValue: engine.roundoff * (Math.abs(gradient.t * t) + steepness * length(y)),
    roundingOfSlope: engine.roundoff * (Math.abs(gradient.t) + steepness * length(rate)),
  };
}
