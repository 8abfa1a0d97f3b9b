import { combineStates } from '../memory/state.ts';
import type { Memory } from '../memory/memory.ts';
import { createDetector, isNearZero, type Crossing } from './detect.ts';
import type { Entry } from './pull-back.ts';
import type { Event, ObservedStep } from '../types/event.ts';
import type { State } from '../types/engine.ts';

/** Somebody who looks at the steps of one part. */
interface Observer<A> {
  /** Indices of the entries put down. */
  readonly recorded: readonly number[];
  /** The events that ended the part, in their order. */
  readonly fired: readonly number[];
  ending(step: ObservedStep<A>): number | undefined;
  /** Takes back what was put down. */
  undo(): void;
}

/** There is no room for more entries within a part. */
export const FULL: Error = new Error('More is recorded than there is room for.');

/** Looks at the steps of one part: puts down what is recorded, up to `room` entries, and says where the part ends, and by what. */
export function createObserver<A>(
  memory: Memory<A>,
  events: readonly Event<A>[],
  entries: Entry<A>[],
  counts: number[],
  room: number = Infinity,
): Observer<A> {
  const isActive = (index: number): boolean => counts[index]! < (events[index]!.atMost ?? Infinity);
  const detector = createDetector(memory, events, isActive);
  const recorded: number[] = [];
  let fired: readonly number[] = [];
  const copy = (y: State<A>): State<A> =>
    memory.hold(combineStates(memory.engine, undefined, [{ coefficient: 1, value: y }]));
  const record = ({ event, t }: Crossing, step: ObservedStep<A>): void => {
    if (recorded.length === room) throw FULL;
    counts[event]! += 1;
    const y = memory.scope(() => copy(step.at(t)));
    recorded.push(entries.length);
    entries.push({ event, t, before: y, after: y, rate: memory.scope(() => copy(step.rate(t))) });
  };
  return {
    recorded,
    get fired() {
      return fired;
    },
    ending(step: ObservedStep<A>): number | undefined {
      const crossings = detector.crossings(step);
      for (const [i, crossing] of crossings.entries()) {
        const { event, t } = crossing;
        if (!isActive(event)) continue;
        if (events[event]!.then === 'record') {
          record(crossing, step);
          continue;
        }
        const there = { t, y: step.at(t), rate: step.rate(t) };
        const together = crossings
          .slice(i + 1)
          .filter((other) => other.event !== event && isActive(other.event))
          .filter((other) => isNearZero(memory, events[other.event]!, there))
          .map((other) => other.event);
        fired = [event, ...new Set(together)];
        return t;
      }
      return undefined;
    },
    undo() {
      for (const { event, before, rate } of entries.splice(entries.length - recorded.length)) {
        counts[event]! -= 1;
        memory.drop(before);
        memory.drop(rate);
      }
    },
  };
}
