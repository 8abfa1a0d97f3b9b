import type { Memory } from '../memory/memory.ts';
import { stateBytes } from '../memory/state.ts';
import type { Shelf, State } from '../types/engine.ts';

/** The states that steps start from, as far as they wait for the backward pass: each by its step's number. */
export interface KeptStates<A> {
  put(index: number, y: State<A>): void;
  /** The state, alive until the scope that is open ends, or as long as it is held. */
  get(index: number): State<A>;
  /** The same, to read from as long as nothing is removed: not to be held. */
  peek(index: number): State<A>;
  remove(index: number): void;
}

/** States as they are. */
export function heldStates<A>(memory: Memory<A>): KeptStates<A> {
  const states = new Map<number, State<A>>();
  return {
    put(index, y) {
      memory.keep(y);
      states.set(index, y);
    },
    get: (index) => states.get(index)!,
    peek: (index) => states.get(index)!,
    remove(index) {
      memory.forget(states.get(index)!);
      states.delete(index);
    },
  };
}

/** Copies on a shelf. The first state stays as it is: whoever solves has it anyway. */
export function shelvedStates<A>(memory: Memory<A>, shelf: Shelf<A>, y0: State<A>): KeptStates<A> {
  const held = heldStates(memory);
  const bytes = stateBytes(memory.engine, y0);
  return {
    put(index, y) {
      if (index === 0) {
        held.put(index, y);
        return;
      }
      shelf.put(index, y);
      memory.keepBytes(bytes);
    },
    get: (index) => (index === 0 ? held.get(index) : memory.adoptState(shelf.get(index))),
    peek: (index) => (index === 0 ? held : shelf).peek(index),
    remove(index) {
      if (index === 0) {
        held.remove(index);
        return;
      }
      shelf.remove(index);
      memory.keepBytes(-bytes);
    },
  };
}
