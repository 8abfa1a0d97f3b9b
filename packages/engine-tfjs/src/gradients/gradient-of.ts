import { EngineError } from '@odegrad/core';
import { getGradient, zeros, type NamedTensorMap, type Tensor } from '@tensorflow/tfjs-core';
import { isDiscrete } from '../tape/discrete.ts';
import type { GradientFunction } from '../tape/internals.ts';
import { zerosOf, type Cotangents } from './correction.ts';
import { missing, ofFunctions, ofKernels } from './corrections.ts';
import { checkGradient, hasChecks } from './wrong-kernels.ts';

/** An operation that was recorded. */
export interface Operation {
  /** Of its kernel, or of the function whose gradient is given. */
  readonly name: string;
  readonly inputs: NamedTensorMap;
  readonly outputs: readonly Tensor[];
  readonly saved: readonly Tensor[];
  readonly attributes: unknown;
  /** The gradient that it brings itself, as what tf.customGrad makes does. */
  readonly given: GradientFunction | null;
}

/**
 * The right gradient of an operation where TensorFlow.js 4.22 has it wrong or has none; undefined where it has it right. What
 * gives integers or truth values has the derivative 0, and so has everything in these.
 *
 * Where there is no right one the gradient throws an `EngineError`, as soon as it is asked for.
 */
export function gradientOf(operation: Operation): ((dys: readonly Tensor[]) => Cotangents) | undefined {
  const { name, inputs, outputs, saved, attributes, given } = operation;
  const registered = (given as Registered | null) ?? registeredGradient(name);
  const correction = given ? ofFunctions[name] : (ofKernels[name] ?? missing[name]);
  if (given && !(correction && '0' in inputs)) return undefined;
  if (!given) {
    if ([...Object.values(inputs), ...outputs].some(({ dtype }) => dtype === 'complex64')) {
      return () => refuse(`those of complex numbers, here through ${name}, are wrong or missing`);
    }
    if (outputs.every(isDiscrete)) return () => zerosOf(inputs);
    if (!registered && !correction) return () => refuse(`there is none for its operation ${name}`);
  }
  const discrete = given ? [] : Object.entries(inputs).filter(([, x]) => isDiscrete(x));
  if (!correction && discrete.length === 0 && !hasChecks(name)) return undefined;
  return (cotangents) => {
    checkGradient(name);
    // Of an output that leads nowhere there is none.
    const dys = (cotangents as readonly (Tensor | null)[]).map((dy, i) => dy ?? zeros(outputs[i]!.shape));
    const one = dys.length > 1 ? dys : dys[0]!;
    const original = (changed: unknown = attributes): Cotangents => registered!(one, [...saved], changed);
    const found = correction
      ? correction.gradient({ dy: dys[0]!, dys, saved, attributes, inputs, registered: original })
      : original();
    return { ...found, ...zerosOf(Object.fromEntries(discrete)) };
  };
}

/** Takes the cotangents of all outputs where there are several. */
type Registered = (dy: Tensor | Tensor[], saved: Tensor[], attributes: unknown) => Cotangents;

// Gradients are found by name, and an unknown name gives undefined, whatever the types say.
const registeredGradient = (name: string): Registered | undefined =>
  (getGradient(name) as { gradFunc: unknown } | undefined)?.gradFunc as Registered | undefined;

function refuse(what: string): never {
  throw new EngineError(
    `f has no gradient that TensorFlow.js has right: ${what}. Write that part of f otherwise, or wrap it into ` +
      'tf.customGrad with its gradient.',
  );
}
