import { SolveError } from '../arguments/errors.ts';
import type { Memory } from '../memory/memory.ts';
import { sizeOf } from '../solver/span.ts';
import { bracketedRoot, type Probe } from './bracketed-root.ts';
import { alongSolution, conditionAt } from './condition.ts';
import type { Event, ObservedStep } from '../types/event.ts';
import type { State } from '../types/engine.ts';

/** Values of g this many of its rounding errors from zero have no sign of their own. */
const NEAR = 1e3;

/** Halvings of the way from the start of a stretch to the first look, in search of the sign that g begins with. */
const HALVINGS = 40;

/** Where an event happens within a step. */
export interface Crossing {
  readonly event: number;
  readonly t: number;
}

/** Looks at the steps of one stretch, one after the other. */
export interface Detector<A> {
  /** Where in a step conditions change their signs as they are to, the earliest first. */
  crossings(step: ObservedStep<A>): readonly Crossing[];
}

/**
 * A condition that is zero but for rounding errors has the sign that it is about to take: so what has just happened does not
 * happen again at once, and what touches zero and turns back does not happen.
 */
export function createDetector<A>(
  memory: Memory<A>,
  events: readonly Event<A>[],
  isActive: (event: number) => boolean,
): Detector<A> {
  /** Each condition where the last step ended; undefined before the first. */
  const ends = new Array<{ readonly sign: number; readonly value: number } | undefined>(events.length);

  const crossingsOf = (event: Event<A>, index: number, step: ObservedStep<A>): readonly Crossing[] => {
    const { span } = step;
    const { looks = 4, direction = 'either' } = event;
    const timeAt = (x: number): number => (x === 1 ? span.t1 : span.t0 + x * sizeOf(span));
    const valueAt = (t: number, y: State<A>): number => memory.scope(() => conditionAt(memory, event, t, y));
    /** Between looks, where no other condition is looked at. */
    const value = (x: number): number => step.readAt(timeAt(x), (y) => valueAt(timeAt(x), y));
    const look = (x: number): number => valueAt(timeAt(x), step.at(timeAt(x)));
    const slopeAt = (x: number) =>
      memory.scope(() => {
        const t = timeAt(x);
        return alongSolution(memory, event, { t, y: step.at(t), rate: step.rate(t) });
      });
    const atStart = () => {
      const g = look(0);
      const { slope, roundingOfValue } = slopeAt(0);
      return { sign: Math.sign(Math.abs(g) < NEAR * roundingOfValue ? slope : g), value: g };
    };
    /** A point before `to` where g has `sign`; undefined where there is none, so that it changes at `from`. */
    const lastWith = (sign: number, from: Probe, to: Probe): Probe | undefined => {
      if (Math.sign(from.value) === sign) return from;
      for (let j = 1, x = to.x; j <= HALVINGS; j++) {
        x = (from.x + x) / 2;
        const probe = { x, value: value(x) };
        if (Math.sign(probe.value) === sign) return probe;
      }
      return undefined;
    };
    const rootBetween = (sign: number, from: Probe, to: Probe): number => {
      if (to.value === 0) return to.x;
      const start = lastWith(sign, from, to);
      if (start) return bracketedRoot(value, start, to, memory.engine.roundoff);
      if (from.x > 0) return from.x;
      throw new SolveError(
        'max-events',
        `Event '${event.name}' happens again at once. Stop there, or change y so that its condition leaves zero`,
        { t: span.t0, h: sizeOf(span), steps: 0 },
      );
    };

    const end = ends[index] ?? atStart();
    let { sign } = end;
    let before: Probe = { x: 0, value: end.value };
    const found: Crossing[] = [];
    for (let k = 1; k <= looks; k++) {
      const probe: Probe = { x: k / looks, value: look(k / looks) };
      const now = Math.sign(probe.value === 0 ? slopeAt(probe.x).slope : probe.value) || sign;
      if (sign !== 0 && now !== sign && (direction === 'either' || (direction === 'rising') === now > 0)) {
        const root = rootBetween(sign, before, probe);
        found.push({ event: index, t: timeAt(root) });
      }
      [sign, before] = [now, probe];
    }
    ends[index] = { sign, value: before.value };
    return found;
  };

  return {
    crossings(step) {
      const sign = Math.sign(sizeOf(step.span));
      return events
        .flatMap((event, index) => (isActive(index) ? crossingsOf(event, index, step) : []))
        .sort((a, b) => sign * (a.t - b.t) || a.event - b.event);
    },
  };
}

/** Whether a condition is zero but for rounding errors. */
export function isNearZero<A>(
  memory: Memory<A>,
  event: Event<A>,
  at: Parameters<typeof alongSolution<A>>[2],
): boolean {
  return memory.scope(
    () =>
      Math.abs(conditionAt(memory, event, at.t, at.y)) <
      NEAR * alongSolution(memory, event, at).roundingOfValue,
  );
}
