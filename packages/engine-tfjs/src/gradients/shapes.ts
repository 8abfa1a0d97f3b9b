import {
  add,
  concat,
  cumsum,
  pad,
  range,
  reshape,
  reverse,
  slice,
  stack,
  sum,
  transpose,
  unsortedSegmentSum,
  util,
  type CumsumAttrs,
  type GatherV2Attrs,
  type MirrorPadAttrs,
  type ProdAttrs,
  type Rank,
  type SplitVAttrs,
  type Tensor,
  type TileAttrs,
  type UnpackAttrs,
} from '@tensorflow/tfjs-core';
import type { Correction } from './correction.ts';

/** Entries `from … from + count − 1` of one axis. */
function along(x: Tensor, axis: number, from: number, count: number): Tensor {
  const begin = x.shape.map((_, i) => (i === axis ? from : 0));
  return slice(
    x,
    begin,
    x.shape.map((extent, i) => (i === axis ? count : extent)),
  );
}

/** Folds the mirrored borders of one axis back; `skipped` is 1 where the outermost entry is not repeated. */
function unmirror(
  dy: Tensor,
  axis: number,
  [before, after]: readonly [number, number],
  skipped: number,
): Tensor {
  const extent = dy.shape[axis]! - before - after;
  const border = (from: number, count: number, at: number): Tensor =>
    pad(
      reverse(along(dy, axis, from, count), axis),
      dy.shape.map((_, i): [number, number] => (i === axis ? [at, extent - at - count] : [0, 0])),
    );
  let folded = along(dy, axis, before, extent);
  if (before > 0) folded = add(folded, border(0, before, skipped));
  if (after > 0) folded = add(folded, border(before + extent, after, extent - skipped - after));
  return folded;
}

/** Adds up the copies of a tiling, axis by axis. */
function untile(dy: Tensor, shape: readonly number[], repetitions: readonly number[]): Tensor {
  return shape.reduce((y, extent, axis) => {
    if (repetitions[axis] === 1) return y;
    const [outer, inner] = [y.shape.slice(0, axis), y.shape.slice(axis + 1)];
    const copies = reshape(y, [
      util.sizeFromShape(outer),
      repetitions[axis]!,
      extent * util.sizeFromShape(inner),
    ]);
    return reshape(sum(copies, 1), [...outer, extent, ...inner]);
  }, dy);
}

/** The pullback of x[b, o, indices[b, k], i]: each row goes where it came from. */
function ungather(
  dy: Tensor,
  shape: readonly number[],
  indices: Tensor,
  { axis, batchDims }: GatherV2Attrs,
): Tensor {
  const at = util.parseAxisParam(axis, [...shape])[0]!;
  const [batch, outer, extent, inner] = [
    util.sizeFromShape(shape.slice(0, batchDims)),
    util.sizeFromShape(shape.slice(batchDims, at)),
    shape[at]!,
    util.sizeFromShape(shape.slice(at + 1)),
  ];
  const count = indices.size / batch;
  const rows = reshape(transpose(reshape(dy, [batch, outer, count, inner]), [0, 2, 1, 3]), [
    batch * count,
    outer * inner,
  ]);
  const starts = reshape(range(0, batch * extent, extent, 'int32'), [batch, 1]);
  const ids = reshape<Rank.R1>(add(reshape(indices, [batch, count]), starts), [batch * count]);
  const sums = reshape(unsortedSegmentSum(rows, ids, batch * extent), [batch, extent, outer, inner]);
  return reshape(transpose(sums, [0, 2, 1, 3]), [...shape]);
}

const single = 'A single part is no list: an error.';

/** Gradients of operations that move entries about, or add and multiply them along axes. */
export const shapes: Record<string, Correction> = {
  Cumsum: {
    why: 'Along any axis but the last one it comes out transposed.',
    gradient({ dy, attributes }) {
      const { axis, exclusive, reverse: backward } = attributes as CumsumAttrs;
      return { x: () => cumsum(dy, axis, exclusive, !backward) };
    },
  },
  GatherV2: {
    why: 'More than one batch dimension fails.',
    gradient(recorded) {
      const { dy, saved, attributes, inputs } = recorded;
      const settings = attributes as GatherV2Attrs;
      if (settings.batchDims === 0) return recorded.registered();
      return { x: () => ungather(dy, inputs['x']!.shape, saved[1]!, settings) };
    },
  },
  MirrorPad: {
    why: 'The mirrored borders are cut off instead of added to what they mirror.',
    gradient({ dy, attributes }) {
      const { paddings, mode } = attributes as MirrorPadAttrs;
      const skipped = mode === 'reflect' ? 1 : 0;
      return { x: () => paddings.reduce((y, widths, axis) => unmirror(y, axis, widths, skipped), dy) };
    },
  },
  Prod: {
    why: 'A negative axis is an error.',
    gradient(recorded) {
      const { axis } = recorded.attributes as ProdAttrs;
      const axes = util.parseAxisParam(axis, recorded.inputs['x']!.shape);
      return recorded.registered({ axis: axes });
    },
  },
  SplitV: {
    why: single,
    gradient: ({ dys, attributes }) => ({ x: () => concat([...dys], (attributes as SplitVAttrs).axis) }),
  },
  Tile: {
    why: 'Scalars and tensors of more than four axes are refused, which tf.broadcastTo makes too.',
    gradient(recorded) {
      const { shape } = recorded.inputs['x']!;
      if (shape.length >= 1 && shape.length <= 4) return recorded.registered();
      return { x: () => untile(recorded.dy, shape, (recorded.attributes as TileAttrs).reps) };
    },
  },
  Unpack: {
    why: single,
    gradient: ({ dys, attributes }) => ({ value: () => stack([...dys], (attributes as UnpackAttrs).axis) }),
  },
};
