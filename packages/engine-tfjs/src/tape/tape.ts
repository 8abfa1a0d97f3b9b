import type { Tensor } from '@tensorflow/tfjs-core';
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

/**
 * Runs `fn`, which takes a gradient, as if nothing had been recorded before: its gradient does not go on through what tensors from
 * before were made of. TensorFlow.js, whose tape is one, would take two that depend on each other for one. Where a gradient is being
 * taken already, what `fn` records is recorded for that one too.
 */
export function afresh<T>(fn: () => T): T {
  const { state } = internals();
  const outer = state.activeTape;
  if (state.gradientDepth === 0 || !outer) return isolated(fn);
  state.activeTape = [];
  try {
    return fn();
  } finally {
    outer.push(...state.activeTape);
    state.activeTape = outer;
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

/** Cotangents of an operation's inputs. Those that are not wanted may be left out. */
export type Pullback = (
  cotangent: Tensor,
  isWanted: (input: Tensor) => boolean,
) => readonly (Tensor | undefined)[];

/**
 * Records `output` as made of `inputs` on the tape that is on. Unlike the gradient of a `customGrad`, the pullback is told which
 * inputs lead to what the gradient is taken for.
 */
export function recordOperation(
  name: string,
  inputs: readonly Tensor[],
  output: Tensor,
  pullback: Pullback,
): void {
  const target = internals();
  const named = Object.fromEntries(inputs.map((x, i) => [i, x]));
  target.addTapeNode(name, named, [output], () => ({}), [], {});
  target.state.activeTape!.at(-1)!.gradient = function ([cotangent]) {
    const wanted = new Set(Object.values(this.inputs));
    const found = pullback(cotangent!, (input) => wanted.has(input));
    return Object.fromEntries(found.map((x, i) => [i, () => x!]));
  };
}

/** Frees what the tape of this moment has saved. For when an error is about to end it. */
function abandonTape(): void {
  internals().state.activeTape?.forEach(({ saved }) => {
    freeSaved(saved);
  });
}

/**
 * Frees what the gradient of this moment has recorded, and what it came to. For when an error is about to end it: nothing stands
 * between its backward pass and its caller, and TensorFlow.js does not clean up. Where the gradient is taken inside another one,
 * somebody may catch the error there and go on; what was saved is freed when all of that is over.
 */
export function abandonGradient(): void {
  const tape = internals().state.activeTape ?? [];
  if (isDifferentiatedAgain()) {
    queueMicrotask(() => {
      for (const { saved } of tape) freeSaved(saved);
    });
    return;
  }
  for (const { saved, inputs, outputs } of tape) {
    freeSaved(saved);
    // What may be left of them is the value that the gradient is taken of. A custom gradient may give what it was given.
    const given = Object.values(inputs);
    for (const x of outputs) if (!x.kept && !given.includes(x)) x.dispose();
  }
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
