import {
  backend_util,
  engine,
  eye,
  matMul,
  reshape,
  tensor2d,
  util,
  type AvgPool3DAttrs,
  type AvgPoolAttrs,
  type ResizeBilinearAttrs,
  type ResizeNearestNeighborAttrs,
  type Tensor,
  type Tensor2D,
} from '@tensorflow/tfjs-core';
import type { Correction } from './correction.ts';

/** A linear map along each axis from `first` on is a matrix `[to, from]`; this is the transposed map of all of them. */
function transposed(dy: Tensor, matrices: readonly Tensor2D[], first = 1): Tensor {
  return matrices.reduce((y, matrix, i) => {
    const axis = first + i;
    const [outer, inner] = [y.shape.slice(0, axis), y.shape.slice(axis + 1)];
    const columns = reshape(y, [util.sizeFromShape(outer), matrix.shape[0], util.sizeFromShape(inner)]);
    return reshape(matMul(matrix, columns, true), [...outer, matrix.shape[1], ...inner]);
  }, dy);
}

/** What a resizing does along one axis, from doing it to the unit vectors. */
function resizing(kernel: string, from: number, to: number, attributes: object): Tensor2D {
  const images = reshape(eye(from), [1, from, 1, from]);
  const resized = engine().runKernel(kernel, { images }, { ...attributes, size: [to, 1] });
  return reshape(resized as Tensor, [to, from]);
}

const resize = (kernel: string, why: string): Correction => ({
  why,
  gradient: ({ dy, inputs: { images }, attributes }) => ({
    images: () => {
      const [, height, width] = images!.shape as [number, number, number];
      const settings = attributes as ResizeBilinearAttrs | ResizeNearestNeighborAttrs;
      return transposed(dy, [
        resizing(kernel, height, settings.size[0], settings),
        resizing(kernel, width, settings.size[1], settings),
      ]);
    },
  }),
});

/** Windows along one axis. */
interface Windows {
  readonly from: number;
  readonly to: number;
  readonly size: number;
  readonly stride: number;
  /** Entries of padding in front. */
  readonly before: number;
}

/** The means over windows, which leave the padding out. */
function means({ from, to, size, stride, before }: Windows): Tensor2D {
  const rows = Array.from({ length: to }, (_, i) => {
    const inside = Array.from({ length: from }, (_unused, k) => {
      const at = k - (i * stride - before);
      return at >= 0 && at < size ? 1 : 0;
    });
    const count = inside.reduce<number>((n, one) => n + one, 0);
    return inside.map((one) => one / count);
  });
  return tensor2d(rows, [to, from]);
}

const divided =
  'Windows at a border are divided by the size of a whole window, and dimRoundingMode is forgotten.';
const average = (windows: (shape: number[], attributes: never) => readonly Windows[]): Correction => ({
  why: divided,
  gradient(recorded) {
    const all = windows(recorded.inputs['x']!.shape, recorded.attributes as never);
    const whole = all.every(
      ({ from, to, size, stride, before }) => before === 0 && (to - 1) * stride + size <= from,
    );
    const { dimRoundingMode } = recorded.attributes as AvgPoolAttrs;
    if (whole && dimRoundingMode === undefined) return recorded.registered();
    return { x: () => transposed(recorded.dy, all.map(means)) };
  },
});

/** Windows along the height and the width, in two dimensions and in three. */
const planeOf = (info: backend_util.Conv2DInfo | backend_util.Conv3DInfo): readonly Windows[] => [
  {
    from: info.inHeight,
    to: info.outHeight,
    size: info.filterHeight,
    stride: info.strideHeight,
    before: info.padInfo.top,
  },
  {
    from: info.inWidth,
    to: info.outWidth,
    size: info.filterWidth,
    stride: info.strideWidth,
    before: info.padInfo.left,
  },
];

/** Gradients of linear maps that act on each axis by itself. */
export const separable: Record<string, Correction> = {
  AvgPool: average((shape, { filterSize, strides, pad, dimRoundingMode }: AvgPoolAttrs) => {
    const info = backend_util.computePool2DInfo(shape as never, filterSize, strides, 1, pad, dimRoundingMode);
    return planeOf(info);
  }),
  AvgPool3D: average((shape, { filterSize, strides, pad, dimRoundingMode }: AvgPool3DAttrs) => {
    const info = backend_util.computePool3DInfo(shape as never, filterSize, strides, 1, pad, dimRoundingMode);
    return [
      {
        from: info.inDepth,
        to: info.outDepth,
        size: info.filterDepth,
        stride: info.strideDepth,
        before: info.padInfo.front,
      },
      ...planeOf(info),
    ];
  }),
  ResizeBilinear: resize(
    'ResizeBilinear',
    'The gradient of images that are not square has height and width exchanged, and halfPixelCenters is forgotten.',
  ),
  ResizeNearestNeighbor: resize(
    'ResizeNearestNeighbor',
    'It is wrong from the second image of a batch on, and endless with alignCorners for an image of one row; halfPixelCenters is forgotten.',
  ),
};
