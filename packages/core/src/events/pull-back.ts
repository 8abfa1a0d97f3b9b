import { ArgumentError } from '../arguments/errors.ts';
import type { Memory } from '../memory/memory.ts';
import { combineStates, dotStates } from '../memory/state.ts';
import { alongSolution, conditionGradient } from './condition.ts';
import type { Event, Happening, HappeningCotangents } from '../types/event.ts';
import type { State } from '../types/engine.ts';

/** A condition has no derivative of its time where it changes by less than so many of its rounding errors. */
const FLAT = 1e3;

/** Something that happened, with dy/dt of the interpolant there. */
export interface Entry<A> extends Happening<A> {
  readonly rate: State<A>;
}

/** Cotangents of the state and of the time where something happened. */
export interface AtEvent<A> {
  readonly y: State<A> | undefined;
  readonly t: number;
}

/** Sums cotangents of which any may be missing. */
export function total<A>(
  { engine }: Memory<A>,
  summands: readonly (State<A> | undefined)[],
): State<A> | undefined {
  const terms = summands.flatMap((value) => (value ? [{ coefficient: 1, value }] : []));
  return terms.length > 1 ? combineStates(engine, undefined, terms) : terms[0]?.value;
}

/**
 * Pulls the cotangents of the state after an event, of the one before and of the time back to those of the state before
 * and of the time, through the jump: ȳ = rᵧᵀλ + that of `before`, t̄ = rₜᵀλ + that of `t`. The results live in the scope that is open.
 */
export function pullBackJump<A>(
  memory: Memory<A>,
  { then }: Event<A>,
  { t, before }: Entry<A>,
  after: AtEvent<A>,
  cotangents: HappeningCotangents<A> | undefined,
  addParameters: (gradient: State<A>) => void,
): AtEvent<A> {
  const jumped = total(memory, [after.y, cotangents?.after]);
  const time = after.t + (cotangents?.t ?? 0);
  if (typeof then === 'string' || !jumped) return { y: total(memory, [jumped, cotangents?.before]), t: time };
  const linearization = memory.adoptLinearization(then.linearize(t, before));
  const pulled = linearization.pullback(jumped, true);
  memory.adoptState(pulled.y);
  addParameters(memory.adoptState(pulled.parameters));
  return { y: total(memory, [pulled.y, cotangents?.before]), t: time + pulled.t };
}

/**
 * Pulls the cotangents of the state and of the time where a condition g is zero back to that of the state at this time, held fixed:
 * with ẏ the slope of the interpolant and G = gₜ + ⟨gᵧ, ẏ⟩, dt* = −(⟨gᵧ, dy⟩ + g_θ dθ)/G, so s = (t̄ + ⟨ȳ, ẏ⟩)/G, v = ȳ − s gᵧ, θ̄ = −s g_θ.
 *
 * @throws {ArgumentError} where G is zero but for rounding errors.
 */
export function pullBackTime<A>(
  memory: Memory<A>,
  event: Event<A>,
  { t, before: y, rate }: Entry<A>,
  cotangents: AtEvent<A>,
  addParameters: (gradient: State<A>) => void,
): State<A> | undefined {
  if (!cotangents.y && cotangents.t === 0) return undefined;
  const { engine } = memory;
  const gradient = conditionGradient(memory, event, t, y);
  const { slope, roundingOfSlope } = alongSolution(memory, event, { t, y, rate }, gradient);
  if (!(Math.abs(slope) > FLAT * roundingOfSlope))
    throw new ArgumentError(
      `The time of event '${event.name}', t = ${t}, has no derivative: its condition touches zero there, and does not cross it.`,
    );
  const s = (cotangents.t + (cotangents.y ? dotStates(engine, cotangents.y, rate) : 0)) / slope;
  if (gradient.parameters.length > 0)
    addParameters(combineStates(engine, undefined, [{ coefficient: -s, value: gradient.parameters }]));
  return combineStates(engine, cotangents.y, [{ coefficient: -s, value: gradient.y }]);
}
