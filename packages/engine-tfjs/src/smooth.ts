import {
  clone,
  dispose,
  engine,
  EluGrad,
  getGradient,
  keep,
  mul,
  neg,
  step,
  type NamedTensorMap,
  type Tensor,
} from '@tensorflow/tfjs-core';
import { cutDiscrete } from './discrete.ts';
import { checkAlive } from './disposed.ts';
import { internals, replacing, type GradientFunction, type Internals } from './internals.ts';

/** Gradients that TensorFlow.js does not have, with the inputs that they need. */
const MISSING: Record<string, { readonly saves: readonly string[]; readonly gradient: GradientFunction }> = {
  // elu′(x) in terms of y = elu(x): 1 where y ≥ 0, y + 1 elsewhere.
  [EluGrad]: {
    saves: ['dy', 'y'],
    gradient: (cotangent, [dy, y]) => ({
      dy: () => engine().runKernel(EluGrad, { dy: cotangent, y: y! }),
      y: () => mul(mul(cotangent, dy!), step(neg(y!))),
    }),
  },
};

let smoothing = false;

/**
 * Runs `fn` so that gradients taken inside it may be differentiated again, to any order, through every
 * activation of TensorFlow.js: exp, tanh, sigmoid, elu, selu, softmax, logSoftmax, max and what is built of
 * them. TensorFlow.js alone throws there, or gives silently wrong second derivatives.
 *
 * It does so by keeping the tape in order. An operation whose gradient uses its own output has a clone of
 * that output recorded before the operation itself, and so cut off from the inputs; here it comes after.
 * What is made of whole numbers or truth values (comparisons, casts, indices) gets the derivative 0. Solves do this for `f` by
 * themselves.
 */
export function smoothGradients<T>(fn: () => T): T {
  if (smoothing) return fn();
  smoothing = true;
  try {
    return replacing('addTapeNode', orderly(internals()), fn);
  } finally {
    smoothing = false;
  }
}

function orderly(target: Internals): Internals['addTapeNode'] {
  const record = target.addTapeNode.bind(target);
  return (kernelName, inputs, outputs, gradient, saved = [], attributes) => {
    try {
      // Data may outlive a tensor, but engines that look for what f reads would not find it, and lose its gradient.
      // A clone for a gradient is recorded while its operation still runs.
      if (target.state.kernelDepth === 0) checkAlive(Object.values(inputs));
    } catch (error) {
      dispose(saved);
      throw error;
    }
    if (!gradient && !hasGradient(kernelName)) {
      const missing = MISSING[kernelName];
      // The inputs' clones come before the operation, as they should.
      if (missing) saved = missing.saves.map((name) => keep(clone(inputs[name]!)));
      gradient = missing?.gradient ?? null;
    }
    record(kernelName, inputs, outputs, gradient, saved, attributes);
    cutDiscrete(target.state.activeTape!.at(-1)!);
    if (saved.length > 0) putBeforeClones(target, outputs, saved.length);
  };
}

const hasGradient = (kernelName: string): boolean => (getGradient(kernelName) as unknown) !== undefined;

/** Moves the operation recorded last in front of the clones of its outputs, among the `count` nodes before it. */
function putBeforeClones(target: Internals, outputs: readonly Tensor[], count: number): void {
  const tape = target.state.activeTape!;
  const last = tape.length - 1;
  const isOutput = (inputs: NamedTensorMap): boolean =>
    Object.values(inputs).some((x) => outputs.includes(x));
  for (let i = Math.max(0, last - count); i < last; i++) {
    if (isOutput(tape[i]!.inputs)) {
      tape.splice(i, 0, tape.pop()!);
      return;
    }
  }
}
