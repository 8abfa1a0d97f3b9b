import { Tensor, tidy, Variable } from '@tensorflow/tfjs-core';
import { ArgumentError } from '@odegrad/core';
import { internals, replacing, type Internals } from './internals.ts';
import { inBrackets } from './shape.ts';

const remedy =
  'It must live as long as solves use f, until the last pullback: make it outside of what frees it, tf.keep it, or dispose of ' +
  'it later.';

/** An error about a tensor that f uses after it was disposed. */
function disposedError(x: Tensor, options?: ErrorOptions): ArgumentError {
  const what =
    x instanceof Variable
      ? `the variable '${x.name}'`
      : `a ${x.dtype} tensor of the shape ${inBrackets(x.shape)}`;
  return new ArgumentError(`f uses ${what}, which was disposed before. ${remedy}`, options);
}

/** @throws {ArgumentError} if one of the tensors, which f reads, was disposed. */
export function checkAlive(tensors: readonly Tensor[]): void {
  for (const x of tensors) if (x.isDisposed) throw disposedError(x);
}

/**
 * What `error`, thrown by `run`, says where it came of a disposed tensor: TensorFlow.js has "Cannot read properties of undefined",
 * or does not say which. `run` runs once more, to see. Undefined where the error is another one.
 */
export function explainDisposed(error: Error, run: () => unknown): ArgumentError | undefined {
  const said = /\b(?:is|already) disposed\b/.test(error.message);
  // Each browser words it in its own way.
  const hinted = error instanceof TypeError && /backend/.test(error.message);
  if (!said && !hinted) return undefined;
  const found = firstDisposed(run);
  if (found) return disposedError(found, { cause: error });
  return said
    ? new ArgumentError(`f uses something that was disposed before (${error.message}) ${remedy}`, {
        cause: error,
      })
    : undefined;
}

/** The first disposed tensor that an operation or a method gets while `run` runs. */
function firstDisposed(run: () => unknown): Tensor | undefined {
  let found: Tensor | undefined;
  const look = (x: unknown): void => {
    if (x instanceof Tensor && x.isDisposed) found ??= x;
  };
  const runKernel = internals().runKernel.bind(internals());
  const looking: Internals['runKernel'] = (kernel, inputs, attributes) => {
    Object.values(inputs).forEach(look);
    return runKernel(kernel, inputs, attributes);
  };
  const methods = Tensor.prototype as unknown as { throwIfDisposed(this: Tensor): void };
  const { throwIfDisposed } = methods;
  methods.throwIfDisposed = function (): void {
    look(this);
    throwIfDisposed.call(this);
  };
  try {
    replacing('runKernel', looking, () =>
      tidy(() => {
        run();
      }),
    );
  } catch {
    // Of the same cause, most likely; what was found until then is all that is wanted.
  } finally {
    methods.throwIfDisposed = throwIfDisposed;
  }
  return found;
}
