import { clone, dispose, getGradient, keep, type NamedTensorMap, type Tensor } from '@tensorflow/tfjs-core';
import { callable, check } from '@odegrad/core';
import { isDiscrete } from '../tape/discrete.ts';
import { checkAlive } from '../tape/disposed.ts';
import { missing } from '../gradients/corrections.ts';
import { gradientOf } from '../gradients/gradient-of.ts';
import { internals, replacing, type Internals } from '../tape/internals.ts';

let smoothing = false;

/**
 * Runs `fn` so that gradients taken inside it are right, and may be differentiated again, to any order, through every
 * activation of TensorFlow.js: exp, tanh, sigmoid, elu, selu, softmax, logSoftmax, max and what is built of
 * them. TensorFlow.js alone throws there, or gives silently wrong second derivatives; some first derivatives it has wrong too.
 *
 * It does so by keeping the tape in order. An operation whose gradient uses its own output has a clone of
 * that output recorded before the operation itself, and so cut off from the inputs; here it comes after. What is
 * recorded gets the right gradient (`gradients/`) in place of the registered one. Solves do this for `f` by themselves.
 *
 * @throws {EngineError} from a gradient that TensorFlow.js does not have.
 */
export function smoothGradients<T>(fn: () => T): T {
  check('fn', fn, callable);
  if (smoothing) return fn();
  smoothing = true;
  const target = internals();
  const fused: Fused = { attributes: undefined };
  try {
    return replacing('addTapeNode', orderly(target, fused), () =>
      replacing('getTensorsForGradient', present(target), () =>
        replacing('runKernel', remembering(target, fused), fn),
      ),
    );
  } finally {
    smoothing = false;
  }
}

/** The attributes of the fused kernel that ran last: an operation with a gradient of its own is recorded without. */
interface Fused {
  attributes: unknown;
}

function remembering(target: Internals, fused: Fused): Internals['runKernel'] {
  const run = target.runKernel.bind(target);
  return (kernelName, inputs, attributes) => {
    if (kernelName.includes('Fused')) fused.attributes = attributes;
    return run(kernelName, inputs, attributes);
  };
}

/** Inputs that may be left out, as the scale of a batch normalization, are not saved where they are. */
function present(target: Internals): Internals['getTensorsForGradient'] {
  const toSave = target.getTensorsForGradient.bind(target);
  return (...operation) => toSave(...operation).filter((x) => (x as Tensor | undefined) !== undefined);
}

function orderly(target: Internals, fused: Fused): Internals['addTapeNode'] {
  const record = target.addTapeNode.bind(target);
  return (name, given, outputs, gradient, saved = [], attributes) => {
    const inputs = withoutAbsent(given);
    try {
      // Data may outlive a tensor, but engines that look for what f reads would not find it, and lose its gradient.
      // A clone for a gradient is recorded while its operation still runs.
      if (target.state.kernelDepth === 0) checkAlive(Object.values(inputs));
    } catch (error) {
      dispose(saved);
      throw error;
    }
    if (!gradient && !hasGradient(name)) {
      // The inputs' clones come before the operation, as they should.
      saved = missing[name]?.saves.map((input) => keep(clone(inputs[input]!))) ?? saved;
    }
    record(name, inputs, outputs, gradient, saved, attributes);
    const operation = {
      name,
      inputs,
      outputs,
      saved,
      attributes: attributes ?? fused.attributes,
      given: gradient,
    };
    const right = gradientOf(operation);
    const node = target.state.activeTape!.at(-1)!;
    if (right) node.gradient = right;
    // Indices that come with values, as of a sort, which has no gradient, lead nowhere.
    if (!gradient && !hasGradient(name) && !outputs.every(isDiscrete))
      node.outputs = outputs.filter((x) => !isDiscrete(x));
    if (saved.length > 0) putBeforeClones(target, outputs, saved.length);
  };
}

function withoutAbsent(inputs: NamedTensorMap): NamedTensorMap {
  const entries = Object.entries(inputs as Record<string, Tensor | undefined>);
  return entries.every(([, x]) => x)
    ? inputs
    : Object.fromEntries(entries.filter((entry): entry is [string, Tensor] => entry[1] !== undefined));
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
