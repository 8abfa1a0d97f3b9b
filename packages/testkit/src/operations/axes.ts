import type * as tf from '@tensorflow/tfjs-core';
import { size, type Draw, type Tf } from './draws.ts';

const reduction =
  (f: (x: tf.Tensor, axes: number[] | undefined, keepDims: boolean) => tf.Tensor, apart = false): Draw =>
  (r) => {
    const shape = r.shape(1, 4);
    const axes = r.boolean() ? r.axes(shape.length) : undefined;
    const keepDims = r.boolean();
    return { f: (x) => f(x, axes, keepDims), at: [apart ? r.apart(shape) : r.values(shape)] };
  };

/** Operations along axes, and such that move entries about. */
export const axes = (tf: Tf): Record<string, Draw> => ({
  ArgMax: (r) => {
    const x = r.apart(r.shape(1, 3));
    return { f: (z) => tf.mul(tf.cast(tf.argMax(z, 0), 'float32'), tf.sum(z, 0)), at: [x] };
  },
  ArgMin: (r) => {
    const x = r.apart(r.shape(1, 3));
    return { f: (z) => tf.mul(tf.cast(tf.argMin(z, 0), 'float32'), tf.sum(z, 0)), at: [x] };
  },
  BatchMatMul: (r) => {
    const [n, k, m] = [r.integer(1, 3), r.integer(1, 3), r.integer(1, 3)];
    const outer = r.shape(0, 2);
    // An axis within the batches that is broadcast is multiplied wrongly; see the refusals.
    const other = r.boolean() ? outer : outer.slice(r.integer(0, outer.length));
    const [one, two] = r.boolean() ? [outer, other] : [other, outer];
    const [ta, tb] = [r.boolean(), r.boolean()];
    return {
      f: (a, b) => tf.matMul(a, b, ta, tb),
      at: [r.values([...one, ...(ta ? [k, n] : [n, k])]), r.values([...two, ...(tb ? [m, k] : [k, m])])],
    };
  },
  BroadcastTo: (r) => {
    // tf.broadcastTo itself runs Tile, and this kernel exists for tests only.
    const shape = r.shape(1, 4);
    const inputShape = shape.map((n) => (r.boolean() ? 1 : n));
    return {
      f: (x) => tf.engine().runKernel('BroadcastTo', { x: x }, { shape, inputShape }),
      at: [r.values(inputShape)],
    };
  },
  Concat: (r) => {
    const shape = r.shape(1, 4);
    const axis = r.integer(0, shape.length - 1);
    const given = r.boolean() ? axis : axis - shape.length;
    return {
      f: (...xs) => tf.concat(xs, given),
      at: Array.from({ length: r.integer(1, 3) }, () =>
        r.values(shape.map((n, i) => (i === axis ? r.integer(1, 3) : n))),
      ),
    };
  },
  Cumsum: (r) => {
    const shape = r.shape(1, 4);
    const axis = r.integer(0, shape.length - 1);
    const [exclusive, reverse] = [r.boolean(), r.boolean()];
    return { f: (x) => tf.cumsum(x, axis, exclusive, reverse), at: [r.values(shape)] };
  },
  ExpandDims: (r) => {
    const shape = r.shape();
    const axis = r.integer(-shape.length - 1, shape.length);
    return { f: (x) => tf.expandDims(x, axis), at: [r.values(shape)] };
  },
  FusedBatchNorm: (r) => {
    const shape = r.shape(2, 4);
    const channels = r.boolean() ? [shape.at(-1)!] : shape;
    const [scaled, moved] = [r.boolean(), r.boolean()];
    return {
      f: (x, mean, variance, offset, scale) =>
        tf.batchNorm(
          x,
          mean,
          variance,
          (moved ? offset : null) as tf.Tensor1D,
          (scaled ? scale : null) as unknown as tf.Tensor1D,
          0.01,
        ),
      at: [
        r.values(shape),
        r.values(channels),
        r.values(channels, 0.5, 2),
        r.values(channels),
        r.values(channels),
      ],
    };
  },
  GatherV2: (r) => {
    const shape = r.shape(1, 4);
    const batchDims = shape.length > 1 ? r.integer(0, shape.length - 1) : 0;
    const axis = r.integer(batchDims, shape.length - 1);
    const count = shape.slice(0, batchDims);
    const indices = [...count, ...r.shape(batchDims > 0 ? 1 : 0, 2)];
    const at = Array.from({ length: size(indices) }, () => r.integer(0, shape[axis]! - 1));
    return {
      f: (x) => tf.gather(x, tf.tensor(at, indices, 'int32'), axis, batchDims),
      at: [r.values(shape)],
    };
  },
  LogSoftmax: (r) => {
    // tf.logSoftmax is a function with a gradient of its own, and this kernel exists for tests only.
    const shape = r.shape(1, 4);
    const attributes = { axis: shape.length - 1 };
    return {
      f: (x) => tf.engine().runKernel('LogSoftmax', { logits: x }, attributes),
      at: [r.values(shape)],
    };
  },
  Max: reduction(tf.max, true),
  Mean: reduction(tf.mean),
  Min: reduction(tf.min, true),
  MirrorPad: (r) => {
    const shape = r.shape(1, 4).map((n) => n + 1);
    const mode = r.one(['reflect', 'symmetric'] as const);
    const most = (n: number): number => (mode === 'reflect' ? n - 1 : n);
    const paddings = shape.map((n): [number, number] => [r.integer(0, most(n)), r.integer(0, most(n))]);
    return { f: (x) => tf.mirrorPad(x, paddings, mode), at: [r.values(shape)] };
  },
  OneHot: (r) => ({
    f: (x) => tf.mul(tf.cast(tf.oneHot(tf.cast(x, 'int32'), 4), 'float32'), tf.sum(x)),
    at: [r.between(r.shape(1, 2), 0, 3)],
  }),
  Pack: (r) => {
    const shape = r.shape(0, 3);
    const axis = r.integer(-shape.length - 1, shape.length);
    return {
      f: (...xs) => tf.stack(xs, axis),
      at: Array.from({ length: r.integer(1, 3) }, () => r.values(shape)),
    };
  },
  PadV2: (r) => {
    const shape = r.shape(1, 4);
    const paddings = shape.map((): [number, number] => [r.integer(0, 2), r.integer(0, 2)]);
    return { f: (x) => tf.pad(x, paddings, 0.7), at: [r.values(shape)] };
  },
  Prod: reduction(tf.prod),
  Reshape: (r) => {
    const shape = r.shape();
    return { f: (x) => tf.reshape(x, [1, -1]), at: [r.values(shape)] };
  },
  Reverse: (r) => {
    const shape = r.shape();
    const axes = r.boolean() ? r.axes(shape.length) : undefined;
    return { f: (x) => tf.reverse(x, axes), at: [r.values(shape)] };
  },
  Slice: (r) => {
    const shape = r.shape(1, 4);
    const begin = shape.map((n) => r.integer(0, n - 1));
    const extents = shape.map((n, i) => (r.boolean() ? -1 : r.integer(1, n - begin[i]!)));
    return { f: (x) => tf.slice(x, begin, extents), at: [r.values(shape)] };
  },
  Softmax: (r) => ({ f: (x) => tf.softmax(x), at: [r.values(r.shape(1, 4))] }),
  SplitV: (r) => {
    const shape = r.shape(1, 4);
    const axis = r.integer(0, shape.length - 1);
    const sizes = Array.from({ length: r.integer(1, 3) }, () => r.integer(1, 2));
    shape[axis] = sizes.reduce((a, b) => a + b);
    const given = r.boolean() ? axis : axis - shape.length;
    return { f: (x) => tf.split(x, sizes, given), at: [r.values(shape)] };
  },
  Sum: reduction(tf.sum),
  Tile: (r) => {
    const shape = r.shape(1, 5);
    const repetitions = shape.map(() => r.integer(1, 3));
    return { f: (x) => tf.tile(x, repetitions), at: [r.values(shape)] };
  },
  Transpose: (r) => {
    const shape = r.shape(0, 5);
    const order = r.boolean() ? r.shuffled(shape.map((_, i) => i)) : undefined;
    return { f: (x) => tf.transpose(x, order), at: [r.values(shape)] };
  },
  Unpack: (r) => {
    const shape = r.shape(1, 4);
    const axis = r.integer(-shape.length, shape.length - 1);
    return { f: (x) => tf.unstack(x, axis), at: [r.values(shape)] };
  },
  UnsortedSegmentSum: (r) => {
    const shape = r.shape(1, 3);
    const ids = Array.from({ length: shape[0]! }, () => r.integer(-1, 2));
    return { f: (x) => tf.unsortedSegmentSum(x, tf.tensor1d(ids, 'int32'), 3), at: [r.values(shape)] };
  },
  fusedMatMul__op: (r) => {
    const [n, k, m, batch] = [r.integer(1, 3), r.integer(1, 3), r.integer(1, 3), r.integer(1, 3)];
    const [ta, tb] = [r.boolean(), r.boolean()];
    const [one, two] = r.one([
      [[batch], [batch]],
      [[batch], []],
      [[], [batch]],
      [[1], [batch]],
    ] as const);
    const biased = r.boolean();
    return {
      f: (a, b, bias) =>
        tf.fused.matMul({ a: a, b: b, transposeA: ta, transposeB: tb, ...(biased ? { bias: bias } : {}) }),
      at: [
        r.values([...one, ...(ta ? [k, n] : [n, k])]),
        r.values([...two, ...(tb ? [m, k] : [k, m])]),
        r.values([m]),
      ],
    };
  },
  softmaxCrossEntropy__op: (r) => {
    const shape = [r.integer(1, 3), r.integer(2, 4)];
    return {
      f: (labels, logits) => tf.losses.softmaxCrossEntropy(labels, logits),
      at: [r.values(shape, 0.1, 1), r.values(shape)],
    };
  },
});
