import type { Memory } from './memory.ts';
import type { State } from '../types/engine.ts';

/** A sum of states that grows by one after the other, and is held meanwhile. */
export interface RunningSum<A> {
  /** Undefined before the first. */
  readonly value: State<A> | undefined;
  /** Adds a state that was just made, and lets it go. */
  add(summand: State<A>): void;
}

/** An empty sum. Part by part: the sum, the summand and the new sum are alive together for one part only. */
export function runningSum<A>({ engine, hold, drop }: Memory<A>): RunningSum<A> {
  let value: State<A> | undefined;
  return {
    get value() {
      return value;
    },
    add(summand) {
      if (!value) {
        value = hold(summand);
        return;
      }
      value = value.map((part, i) => {
        const next = engine.combine(part, [{ coefficient: 1, value: summand[i]! }]);
        hold([next]);
        drop([part]);
        engine.release(summand[i]!);
        return next;
      });
    },
  };
}
