import { callable, check } from '@odegrad/core';
import { internals, type TapeNode } from './internals.ts';

/**
 * Runs `fn` as if no gradient were being taken and no operation running, and puts everything back after it.
 *
 * TensorFlow.js has one tape. A gradient taken inside a custom gradient's backward pass ends the outer tape
 * ("Cannot read properties of null"), and one inside its forward pass records nothing. When `fn` throws, what
 * a tape begun in it had saved is freed, which TensorFlow.js forgets to do.
 */
export function isolated<T>(fn: () => T): T {
  check('fn', fn, callable);
  const { state } = internals();
  const { activeTape, gradientDepth, kernelDepth } = state;
  Object.assign(state, { activeTape: null, gradientDepth: 0, kernelDepth: 0 });
  try {
    return fn();
  } catch (error) {
    abandonTape();
    throw error;
  } finally {
    Object.assign(state, { activeTape, gradientDepth, kernelDepth });
  }
}

/** Whether operations are being recorded for a gradient now. */
export function isTapeOn(): boolean {
  const { state } = internals();
  return state.gradientDepth > 0 && state.kernelDepth === 0;
}

/** Whether a gradient is being taken inside another one. */
export function isDifferentiatedAgain(): boolean {
  return internals().state.gradientDepth > 0;
}

/** Frees what the tape of this moment has saved. For when an error is about to end it. */
export function abandonTape(): void {
  internals().state.activeTape?.forEach(({ saved }) => {
    freeSaved(saved);
  });
}

/** Frees what an operation had saved for its gradient. */
export function freeSaved(saved: TapeNode['saved']): void {
  for (const item of saved) item.dispose();
}

/** A solve whose tape died of an error that came after it is freed when the tape is collected. */
const forgotten = new FinalizationRegistry<() => void>((release) => {
  release();
});

/** Has `release` called when the tape ends on which an operation was just recorded. */
export function whenTapeEnds(release: () => void): void {
  const sentinel = {
    dispose() {
      forgotten.unregister(sentinel);
      release();
    },
  };
  forgotten.register(sentinel, release, sentinel);
  internals().state.activeTape!.at(-1)!.saved.push(sentinel);
}
