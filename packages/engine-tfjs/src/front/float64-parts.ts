import { dispose, tensor, Tensor } from '@tensorflow/tfjs-core';
import { ArgumentError, EngineError } from '@odegrad/core';
import { describe } from './describe.ts';
import type { PreparedField } from '../eager/field-engine.ts';
import type { PartKind, PartPort } from './parts.ts';
import { inBrackets, isSameShape, sizeOf } from '../tape/shape.ts';
import type { Float64Part, Float64Tensor } from './state.ts';

/** Parts in doubles: plain values, which no tape and no tidy knows. */
export const float64Parts: PartKind<Float64Tensor> = {
  precision(asked = 'float64') {
    if (asked === 'float64') return asked;
    throw new ArgumentError(
      `\`dtype\` is '${asked}', but y0 is given in doubles and would lose them. Leave \`dtype\` out, or give y0 as tensors.`,
    );
  },

  start(value, name) {
    const part = float64At(value, name);
    if (part.data.every(Number.isFinite)) return part;
    throw new ArgumentError(`${name} has entries that are NaN or infinite; a solve cannot start there.`);
  },

  cotangent(value, name, shape) {
    const part = float64At(value, name);
    const fits =
      value instanceof Float64Array ? value.length === sizeOf(shape) : isSameShape(part.shape, shape);
    if (fits) return { shape, data: part.data };
    throw new ArgumentError(
      `${name} must be of the shape of the trajectory, ${inBrackets(shape)}, not ${inBrackets(part.shape)}.`,
    );
  },

  withTensors(parts, use) {
    const tensors: Tensor[] = [];
    try {
      for (const { shape, data } of parts)
        tensors.push(tensor(Float32Array.from(data), [...shape], 'float32'));
      return use(tensors);
    } finally {
      dispose(tensors);
    }
  },

  port: float64Port,
  array: (numbers, shape = [numbers.length]) => ({ shape: [...shape], data: Float64Array.from(numbers) }),
  keep: (parts) => [...parts],
  dispose: () => undefined,
};

function float64Port<A>(prepared: PreparedField<A>, engine: string): PartPort<A, Float64Tensor> {
  if (!prepared.fromArray || !prepared.toArray) {
    throw new EngineError(`Engine '${engine}' takes no states in doubles; give y0 as tensors.`);
  }
  const fromArray = (values: Float64Array, shape: readonly number[]): A => prepared.fromArray!(values, shape);
  const toArray = (x: A): Float64Array => prepared.toArray!(x);
  return {
    enter: ({ shape, data }) => fromArray(data, shape),
    leave: (x, shape) => ({ shape: [...shape], data: toArray(x) }),
    trajectories: (ys, shapes) =>
      shapes.map((shape, part) => {
        const size = sizeOf(shape);
        const data = new Float64Array(ys.length * size);
        ys.forEach((y, time) => {
          data.set(toArray(y[part]!), time * size);
        });
        return { shape: [ys.length, ...shape], data };
      }),
    cotangents(parts) {
      const times = parts[0]!.shape[0]!;
      return Array.from({ length: times }, (_, time) =>
        parts.map(({ shape, data }) => {
          const size = data.length / times;
          return fromArray(data.subarray(time * size, (time + 1) * size), shape.slice(1));
        }),
      );
    },
    trajectoriesOfRows: (chunks, places, shapes) =>
      shapes.map((shape, part) => {
        const [count, ...rest] = shape;
        const size = sizeOf(rest);
        const data = new Float64Array(places.length * size);
        let n = 0;
        for (const state of chunks) {
          const rows = toArray(state[part]!);
          for (let from = 0; from < rows.length; from += size)
            data.set(rows.subarray(from, from + size), places[n++]! * size);
        }
        return { shape: [places.length / count!, ...shape], data };
      }),
    cotangentsOfRows: (parts, places) =>
      parts.map(({ shape, data }) => {
        const rest = shape.slice(2);
        const size = sizeOf(rest);
        const rows = new Float64Array(places.length * size);
        places.forEach((place, n) => {
          rows.set(data.subarray(place * size, (place + 1) * size), n * size);
        });
        return fromArray(rows, [places.length, ...rest]);
      }),
  };
}

/**
 * Whether `value` is meant as a part in doubles. A list under `shape` tells it from a record of parts; what is
 * in it is looked at later.
 */
export function isFloat64Part(value: unknown): value is Float64Part {
  if (value instanceof Float64Array) return true;
  if (typeof value !== 'object' || value === null || value instanceof Tensor) return false;
  return 'data' in value && 'shape' in value && Array.isArray(value.shape);
}

/** @throws {ArgumentError} unless `value` is an array of doubles that fits its shape. */
export function float64At(value: unknown, name: string): Float64Tensor {
  if (!isFloat64Part(value)) {
    throw new ArgumentError(`${name} must be a Float64Array or { shape, data }, not ${describe(value)}.`);
  }
  if (value instanceof Float64Array) return { shape: [value.length], data: value };
  // A list that the caller may change later is not kept.
  const shape = [...value.shape];
  const data: unknown = value.data;
  if (!shape.every((extent) => Number.isInteger(extent) && extent >= 0)) {
    throw new ArgumentError(`${name} has the shape ${inBrackets(shape)}; extents must be integers ≥ 0.`);
  }
  if (!(data instanceof Float64Array)) {
    throw new ArgumentError(`${name}.data must be a Float64Array, not ${describe(data)}.`);
  }
  const size = sizeOf(shape);
  if (data.length === size) return { shape, data };
  throw new ArgumentError(
    `${name}.data has ${data.length} numbers, but the shape ${inBrackets(shape)} holds ${size}.`,
  );
}
