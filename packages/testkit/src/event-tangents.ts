import type { ButcherTableau } from '@odegrad/core';
import type { DiscreteGradient } from './discrete.ts';
import type { HandWrittenField } from './field.ts';
import { interpolationWeights } from './interpolation.ts';
import {
  advanced,
  evaluated,
  movingBetween,
  movingNumber,
  weighed,
  type MovingNumber,
  type MovingVector,
} from './moving.ts';

type Cotangent = Float64Array | undefined;

/** An event as it is written by hand: where the first entry of `when` is zero. */
export interface HandWrittenEvent {
  readonly when: HandWrittenField;
  readonly then: 'record' | 'stop' | HandWrittenField;
}

/** A solve with events that was made, and cotangents of all that it gave. */
export interface SolvedWithEvents {
  readonly tableau: ButcherTableau;
  readonly adaptive: boolean;
  readonly field: HandWrittenField;
  readonly events: readonly HandWrittenEvent[];
  readonly y0: Float64Array;
  /** Times that steps land on, each once. */
  readonly ts: readonly number[];
  readonly between: readonly number[];
  /** Where its accepted steps end, those too that an event cut. */
  readonly ends: readonly number[];
  /** Whether `cotangents.ys` are of the ends of all steps, and not of outputs; where an event cuts one, of the states before and after it. */
  readonly steps?: boolean;
  readonly happened: readonly { readonly event: number; readonly t: number }[];
  readonly cotangents: {
    readonly ys: readonly Cotangent[];
    readonly between: readonly Cotangent[];
    readonly events: readonly { readonly t: number; readonly before: Cotangent; readonly after: Cotangent }[];
  };
}

/** One step, and what its interpolant is within it. */
interface MovingStep {
  readonly end: MovingVector;
  at(t: MovingNumber): MovingVector;
  /** dy/dt of the interpolant. */
  rate(t: number): Float64Array;
}

/** A step from y, whose ends move, by a tableau as textbooks write it. */
function movingStep(
  { tableau, field, y0 }: SolvedWithEvents,
  [t0, t1]: readonly [MovingNumber, MovingNumber],
  y: MovingVector,
): MovingStep {
  const directions = y.tangents.length;
  const h: MovingNumber = {
    value: t1.value - t0.value,
    tangents: t1.tangents.map((dt, d) => dt - t0.tangents[d]!),
  };
  const k: MovingVector[] = [];
  const along = (weights: readonly MovingNumber[]): MovingVector =>
    weights.length === 0 ? y : advanced(y, h, weighed(weights, k));
  const constant = (weights: readonly number[]): readonly MovingNumber[] =>
    weights.map((w) => movingNumber(w, directions));
  const stage = (node: number, row: readonly number[]): MovingVector => {
    const t = movingBetween(t0, t1, node, node === 1 ? t1.value : t0.value + node * h.value);
    return evaluated(field, t, along(constant(row)), y0.length);
  };
  tableau.a.forEach((row, i) => k.push(stage(tableau.c[i]!, row.slice(0, i))));
  const end = along(constant(tableau.b));
  k.push(stage(1, tableau.b));
  const fraction = (t: number): number => (t === t1.value ? 1 : (t - t0.value) / h.value);
  return {
    end,
    at(t) {
      const x = fraction(t.value);
      const dx = t.tangents.map((dt, d) => (dt - t0.tangents[d]! - x * h.tangents[d]!) / h.value);
      const { weights, rates } = interpolationWeights(tableau, x);
      return along(weights.map((value, i) => ({ value, tangents: dx.map((dxd) => rates[i]! * dxd) })));
    },
    rate: (t) => weighed(constant(interpolationWeights(tableau, fraction(t)).rates), k).value,
  };
}

/** The time of an event, by the implicit function theorem: g(t, Y(t, θ), θ) = 0 with Y the interpolant of the step, whose rate is Ẏ. */
function movingTime(
  { y0 }: SolvedWithEvents,
  when: HandWrittenField,
  step: MovingStep,
  value: number,
  directions: number,
): MovingNumber {
  const held = movingNumber(value, directions);
  const y = step.at(held);
  const g = evaluated(when, held, y, y0.length);
  if (!(Math.abs(g.value[0]!) < 1e-9)) throw new Error(`At t = ${value} the condition is ${g.value[0]!}.`);
  const along = { value: y.value, tangents: [step.rate(value)] };
  const slope = evaluated(when, movingNumber(value, 1, 0), along).tangents[0]![0]!;
  return { value, tangents: Float64Array.from(g.tangents, (dg) => -dg[0]! / slope) };
}

/**
 * The gradient of Σ ⟨cotangent, what a solve with events gave⟩ by forward differentiation through all of it: steps, interpolants,
 * event times, jumps and restarts. Step sizes that a controller chose are constants: all ends of steps but the landing move with the
 * start of the interval, which after a jump is the time of the event. Equal steps from there fill what is left of the interval.
 */
export function eventTangentGradient(solved: SolvedWithEvents): DiscreteGradient {
  const { field, events, y0, ts, between, ends, happened, cotangents, adaptive } = solved;
  const n = y0.length;
  const sizes = field.parameters.map((p) => p.length);
  const firstTime = n + sizes.reduce((sum, size) => sum + size, 0);
  const directions = firstTime + ts.length + between.length;
  const gradient = new Float64Array(directions);
  const inject = (cotangent: Cotangent, { tangents }: MovingVector): void => {
    if (cotangent)
      tangents.forEach((dy, d) => (gradient[d]! += dy.reduce((s, x, m) => s + x * cotangent[m]!, 0)));
  };
  const sign = Math.sign(ts.at(-1)! - ts[0]!);
  const isAfter = (t: number, than: number): boolean => sign * (t - than) > 0;
  const output = (i: number): MovingNumber => movingNumber(ts[i]!, directions, firstTime + i);

  let y: MovingVector = {
    value: y0,
    tangents: Array.from({ length: directions }, (_, d) => y0.map((_x, m) => Number(m === d))),
  };
  // Where the interval between output times began, or the solve went on within it, and where the next step begins.
  let from = output(0);
  let t = from;
  let [next, seen, saved] = [1, 0, 1];
  const save = (state: MovingVector | undefined): void => {
    if (solved.steps && state) inject(cotangents.ys[saved++], state);
  };
  inject(cotangents.ys[0], y);

  /** What happens at the time of the entry that is next, from the state before: the state after, if the solve goes on. */
  const happen = (time: MovingNumber, before: MovingVector): MovingVector | undefined => {
    let state = before;
    do {
      const { then } = events[happened[seen]!.event]!;
      const after = typeof then === 'string' ? state : evaluated(then, time, state, n);
      const given = cotangents.events[seen++]!;
      time.tangents.forEach((dt, d) => (gradient[d]! += given.t * dt));
      inject(given.before, state);
      inject(given.after, after);
      if (then === 'stop') return undefined;
      if (then === 'record' && state === before) return state;
      state = after;
    } while (happened[seen]?.t === time.value);
    return state;
  };

  for (const end of ends) {
    const lands = end === ts[next];
    const whole = ts[next]! - from.value;
    const t1 = movingBetween(from, output(next), adaptive ? Number(lands) : (end - from.value) / whole, end);
    const step = movingStep(solved, [t, t1], y);
    let over: { readonly time: MovingNumber; readonly state: MovingVector | undefined } | undefined;
    while (!over && seen < happened.length && !isAfter(happened[seen]!.t, end)) {
      const { event, t: at } = happened[seen]!;
      const { when, then } = events[event]!;
      const time = movingTime(solved, when, step, at, directions);
      const state = happen(time, step.at(time));
      if (then !== 'record') over = { time, state };
    }
    const last = over?.time.value ?? end;
    between.forEach((time, o) => {
      if (isAfter(time, t.value) && !isAfter(time, last))
        inject(cotangents.between[o], step.at(movingNumber(time, directions, firstTime + ts.length + o)));
    });
    const reaches = lands && last === end;
    if (reaches && !solved.steps) inject(cotangents.ys[next], step.end);
    save(over ? step.at(over.time) : step.end);
    if (over && !over.state) break;
    if (reaches) [from, next] = [output(next), next + 1];
    if (over) from = over.time;
    t = over || reaches ? from : t1;
    y = over?.state ?? step.end;
    // The solve goes on after a jump if anything is left.
    if (over && next < ts.length) save(over.state);
  }
  let start = n;
  return {
    y0: gradient.slice(0, n),
    parameters: sizes.map((size) => gradient.slice(start, (start += size))),
    ts: [...gradient.slice(firstTime, firstTime + ts.length)],
    ...(between.length > 0 && { between: [...gradient.slice(firstTime + ts.length)] }),
  };
}
