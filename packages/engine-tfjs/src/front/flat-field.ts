import type { Scalar, Tensor } from '@tensorflow/tfjs-core';
import { ArgumentError } from '@odegrad/core';
import { describe } from './describe.ts';
import { explainDisposed } from '../tape/disposed.ts';
import { explain } from '../eager/explain.ts';
import type { FlatField } from '../eager/field-engine.ts';
import type { Part } from './parts.ts';
import { inBrackets, isSameShape } from '../tape/shape.ts';
import type { Model, StateOf, VectorFieldFunction } from './state.ts';
import type { Structure } from './structure.ts';
import { tensorAt, toFloat32 } from './tensor-parts.ts';

/**
 * `f` on the list of the state's parts, in tensors, with its `args`. Every result is checked against the shapes of `y0`.
 *
 * @throws {ArgumentError} if `f` is neither a function nor a model.
 */
export function flatField<S>(
  f: VectorFieldFunction<S, never> | Model,
  structure: Structure<S>,
  y0: readonly Part[],
  args?: unknown,
  of = 'f(t, y)',
): FlatField {
  const call = callable(f, args);
  const names = structure.names(of);
  return (t, y) => {
    const result = named(() => call(t, structure.unflatten(y) as unknown as StateOf<S>));
    if (isPromise(result)) {
      // Its tensors are about to be freed, so it may well fail; nobody would hear.
      result.then(undefined, () => undefined);
      throw new ArgumentError(
        `${of} must return its tensors at once, but returned a promise: ${of.replace('(t, y)', '')} cannot be async.`,
      );
    }
    const slopes = structure.flatten(result, of, tensorAt);
    slopes.forEach((slope, i) => {
      checkSlope(slope, y0[i]!, names[i]!, structure.names('y0')[i]!);
    });
    return slopes;
  };
}

/** Runs f; errors of TensorFlow.js that do not say what was wrong with it become such that do. */
export function named<T>(run: () => T): T {
  try {
    return run();
  } catch (error) {
    throw (error instanceof Error ? explainDisposed(error, run) : undefined) ?? explain(error);
  }
}

function callable<S>(
  f: VectorFieldFunction<S, never> | Model,
  args: unknown,
): (t: Scalar, y: StateOf<S>) => unknown {
  if (typeof f === 'function') return (t, y) => f(t, y, args as never);
  // From JavaScript anything may come.
  const model = f as Partial<Model> | undefined | null;
  if (typeof model?.apply === 'function') return (_, y) => model.apply!(y as Tensor);
  throw new ArgumentError(`f must be a function (t, y) => dy/dt or a tf.layers model, not ${describe(f)}.`);
}

function checkSlope(slope: Tensor, y: Part, name: string, of: string): void {
  if (slope.dtype !== 'float32') {
    throw new ArgumentError(`${name} is of dtype ${slope.dtype}; it must be float32. ${toFloat32(slope)}`);
  }
  if (!isSameShape(slope.shape, y.shape)) {
    throw new ArgumentError(
      `${name} has the shape ${inBrackets(slope.shape)}, but ${of} has ${inBrackets(y.shape)}: dy/dt must have ` +
        `the shape of y.`,
    );
  }
}

const isPromise = (value: unknown): value is PromiseLike<unknown> =>
  typeof (value as Partial<PromiseLike<unknown>> | undefined | null)?.then === 'function';
