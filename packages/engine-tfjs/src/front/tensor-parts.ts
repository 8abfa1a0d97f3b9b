import {
  concat,
  dispose,
  gather,
  keep,
  reshape,
  stack,
  tensor,
  Tensor,
  tensor1d,
  tidy,
  unstack,
} from '@tensorflow/tfjs-core';
import { ArgumentError } from '@odegrad/core';
import { describe } from './describe.ts';
import { tensorEngine } from '../eager/engine.ts';
import type { PreparedField } from '../eager/field-engine.ts';
import type { PartKind, PartPort } from './parts.ts';
import { inBrackets, isSameShape } from '../tape/shape.ts';

/** Parts that are float32 tensors, solved in whatever precision the engine has. */
export const tensorParts: PartKind<Tensor> = {
  precision: (asked = 'float32') => asked,

  start(value, name) {
    const part = tensorAt(value, name);
    if (part.dtype !== 'float32') {
      throw new ArgumentError(`${name} is of dtype ${part.dtype}; it must be float32. ${toFloat32(part)}`);
    }
    if (!tensorEngine.isFinite(part)) {
      throw new ArgumentError(`${name} has entries that are NaN or infinite; a solve cannot start there.`);
    }
    return part;
  },

  cotangent(value, name, shape) {
    const part = tensorAt(value, name);
    if (part.dtype === 'float32' && isSameShape(part.shape, shape)) return part;
    throw new ArgumentError(
      `${name} must be float32 of the shape of the trajectory, ${inBrackets(shape)}, not ${part.dtype} of ` +
        `${inBrackets(part.shape)}.`,
    );
  },

  withTensors: (parts, use) => use(parts),
  port: tensorPort,
  array: (numbers, shape = [numbers.length]) => tensor([...numbers], [...shape], 'float32'),
  keep: (parts) => parts.map((x) => keep(x)),

  dispose(parts) {
    dispose([...parts]);
  },
};

function tensorPort<A>(prepared: PreparedField<A>): PartPort<A, Tensor> {
  const fromTensor = (x: Tensor): A => prepared.fromTensor(x);
  const toTensor = (x: A): Tensor => prepared.toTensor(x);
  return {
    enter: fromTensor,
    leave: toTensor,
    trajectories: (ys, shapes) =>
      tidy(() => shapes.map((_, part) => stack(ys.map((y) => toTensor(y[part]!))))),
    cotangents(parts) {
      const byPart = parts.map((x) => unstack(x));
      const states = byPart[0]!.map((_, time) => byPart.map((x) => fromTensor(x[time]!)));
      dispose(byPart);
      return states;
    },
    trajectoriesOfRows: (chunks, places, shapes) =>
      tidy(() => {
        const order = new Int32Array(places.length);
        places.forEach((place, n) => (order[place] = n));
        return shapes.map((shape, part) => {
          const rows = concat(chunks.map((state) => toTensor(state[part]!)));
          return reshape(gather(rows, tensor1d(order, 'int32')), [places.length / shape[0]!, ...shape]);
        });
      }),
    cotangentsOfRows: (parts, places) =>
      parts.map((x) => {
        const rows = tidy(() => {
          const [length, count, ...shape] = x.shape;
          return gather(reshape(x, [length * count!, ...shape]), tensor1d([...places], 'int32'));
        });
        const entered = fromTensor(rows);
        dispose(rows);
        return entered;
      }),
  };
}

/** @throws {ArgumentError} unless `value` is a tensor that is alive. */
export function tensorAt(value: unknown, name: string): Tensor {
  if (isTensor(value)) {
    if (value.isDisposed) throw new ArgumentError(`${name} was disposed before; tf.keep it, or tidy less.`);
    return value;
  }
  throw new ArgumentError(`${name} must be a tensor, not ${describe(value)}.`);
}

/** How to get float32 out of a tensor of another dtype, and lose nothing. */
export function toFloat32({ dtype }: Tensor): string {
  if (dtype === 'string') return 'Take numbers.';
  // tf.cast would keep the real part alone.
  return dtype === 'complex64'
    ? 'Take its real and imaginary part as two parts: [tf.real(z), tf.imag(z)].'
    : 'tf.cast it.';
}

export const isTensor = (value: unknown): value is Tensor => value instanceof Tensor;
