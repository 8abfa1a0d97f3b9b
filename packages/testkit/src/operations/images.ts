import type * as tf from '@tensorflow/tfjs-core';
import type { Draw, Draws, Tf } from './draws.ts';

/** Settings of a window that fit its image. */
function window2d(r: Draws): {
  image: number[];
  filter: [number, number];
  strides: [number, number];
  pad: 'valid' | 'same' | number;
} {
  const image = [r.integer(1, 2), r.integer(3, 5), r.integer(3, 5), r.integer(1, 2)];
  // Other windows padded by a number lie outside of the image, or take the height's stride for the width's.
  if (r.integer(0, 2) === 0)
    return {
      image,
      filter: [3, 3],
      strides: r.one([
        [1, 1],
        [2, 2],
      ]),
      pad: 1,
    };
  return {
    image,
    filter: [r.integer(1, 3), r.integer(1, 3)],
    strides: [r.integer(1, 2), r.integer(1, 2)],
    pad: r.one(['valid', 'same']),
  };
}

const pool2d =
  (
    f: (
      x: tf.Tensor4D,
      ...rest: [[number, number], [number, number], 'valid' | 'same' | number, 'floor' | 'ceil' | undefined]
    ) => tf.Tensor,
    apart: boolean,
  ): Draw =>
  (r) => {
    const { image, filter, strides, pad } = window2d(r);
    const rounding = pad === 1 ? r.one(['floor', 'ceil'] as const) : undefined;
    return {
      f: (x) => f(x as tf.Tensor4D, filter, strides, pad, rounding),
      at: [apart ? r.apart(image) : r.values(image)],
    };
  };

const pool3d =
  (f: typeof tf.avgPool3d, apart: boolean): Draw =>
  (r) => {
    const shape = [r.integer(1, 2), r.integer(2, 4), r.integer(3, 4), r.integer(3, 4), r.integer(1, 2)];
    const filter: [number, number, number] = [r.integer(1, 2), r.integer(1, 3), r.integer(1, 3)];
    const strides: [number, number, number] = [r.integer(1, 2), r.integer(1, 2), r.integer(1, 2)];
    const pad = r.one(['valid', 'same'] as const);
    return {
      f: (x) => f(x as tf.Tensor5D, filter, strides, pad),
      at: [apart ? r.apart(shape) : r.values(shape)],
    };
  };

function resize(
  f: (
    images: tf.Tensor4D,
    size: [number, number],
    alignCorners?: boolean,
    halfPixelCenters?: boolean,
  ) => tf.Tensor,
): Draw {
  return (r) => {
    const shape = [r.integer(1, 2), r.integer(1, 4), r.integer(1, 4), r.integer(1, 2)];
    const to: [number, number] = [r.integer(1, 6), r.integer(1, 6)];
    const [corners, centers] = r.one([
      [false, false],
      [true, false],
      [false, true],
    ] as const);
    return { f: (x) => f(x as tf.Tensor4D, to, corners, centers), at: [r.values(shape)] };
  };
}

/** Operations on images. */
export const images = (tf: Tf): Record<string, Draw> => ({
  AvgPool: pool2d(
    (x, filter, strides, pad, rounding) => tf.avgPool(x, filter, strides, pad, rounding),
    false,
  ),
  AvgPool3D: pool3d(tf.avgPool3d, false),
  BatchToSpaceND: (r) => {
    const block = [r.integer(1, 2), r.integer(1, 2)];
    const shape = [
      block[0]! * block[1]! * r.integer(1, 2),
      r.integer(2, 3),
      r.integer(2, 3),
      r.integer(1, 2),
    ];
    const crops = [
      [r.integer(0, 1), 0],
      [0, r.integer(0, 1)],
    ];
    return { f: (x) => tf.batchToSpaceND(x, block, crops), at: [r.values(shape)] };
  },
  Conv2D: (r) => {
    const { image, filter, strides, pad } = window2d(r);
    const dilated = r.one([1, 1, 2]);
    const nchw = r.boolean();
    const rounding = pad === 1 ? r.one(['floor', 'ceil'] as const) : undefined;
    const out = r.integer(1, 2);
    const fits = filter.map((n, i) => (dilated * (n - 1) + 1 <= image[i + 1]! ? n : 1)) as [number, number];
    return {
      f: (x, w) =>
        tf.conv2d(
          x as tf.Tensor4D,
          w as tf.Tensor4D,
          dilated > 1 ? 1 : strides,
          pad,
          nchw ? 'NCHW' : 'NHWC',
          dilated,
          rounding,
        ),
      at: [
        r.values(nchw ? [image[0]!, image[3]!, image[1]!, image[2]!] : image),
        r.values([...fits, image[3]!, out]),
      ],
    };
  },
  Conv2DBackpropInput: (r) => {
    const { image, filter, strides } = window2d(r);
    const [inputs, outputs] = [r.integer(1, 2), image[3]!];
    const pad = r.one(['valid', 'same'] as const);
    const extent = (n: number, i: number): number =>
      pad === 'same' ? Math.ceil(n / strides[i]!) : Math.ceil((n - filter[i]! + 1) / strides[i]!);
    const [height, width] = [extent(image[1]!, 0), extent(image[2]!, 1)];
    return {
      f: (y, w) =>
        tf.conv2dTranspose(
          y as tf.Tensor4D,
          w as tf.Tensor4D,
          image as [number, number, number, number],
          strides,
          pad,
        ),
      at: [r.values([image[0]!, height, width, inputs]), r.values([...filter, outputs, inputs])],
    };
  },
  Conv3D: (r) => {
    const shape = [r.integer(1, 2), 3, r.integer(3, 4), r.integer(3, 4), r.integer(1, 2)];
    const dilated = r.one([1, 1, 2]);
    const filter = [r.integer(1, 2), r.integer(1, 2), r.integer(1, 2), shape[4]!, r.integer(1, 2)];
    const strides: [number, number, number] =
      dilated > 1 ? [1, 1, 1] : [r.integer(1, 2), r.integer(1, 2), r.integer(1, 2)];
    const pad = r.one(['valid', 'same'] as const);
    return {
      f: (x, w) => tf.conv3d(x as tf.Tensor5D, w as tf.Tensor5D, strides, pad, 'NDHWC', dilated),
      at: [r.values(shape), r.values(filter)],
    };
  },
  DepthwiseConv2dNative: (r) => {
    const { image, filter, strides, pad } = window2d(r);
    const dilated = r.one([1, 1, 2]);
    const rounding = pad === 1 ? r.one(['floor', 'ceil'] as const) : undefined;
    const fits = filter.map((n, i) => (dilated * (n - 1) + 1 <= image[i + 1]! ? n : 1)) as [number, number];
    // TensorFlow.js' own kernels take equal strides only.
    const stride = dilated > 1 ? 1 : strides[0];
    return {
      f: (x, w) =>
        tf.depthwiseConv2d(x as tf.Tensor4D, w as tf.Tensor4D, stride, pad, 'NHWC', dilated, rounding),
      at: [r.values(image), r.values([...fits, image[3]!, r.integer(1, 2)])],
    };
  },
  Dilation2D: (r) => {
    const { image, filter, strides } = window2d(r);
    const dilated = r.one([1, 1, 2]);
    const pad = r.one(['valid', 'same'] as const);
    const fits = filter.map((n, i) => (dilated * (n - 1) + 1 <= image[i + 1]! ? n : 1)) as [number, number];
    return {
      f: (x, w) => tf.dilation2d(x as tf.Tensor4D, w as tf.Tensor3D, strides, pad, dilated),
      at: [r.apart(image, 1.3), r.apart([...fits, image[3]!], 0.15)],
    };
  },
  LRN: (r) => {
    const [radius, bias, alpha, beta] = [
      r.integer(0, 2),
      r.uniform(1, 2),
      r.uniform(0.1, 1),
      r.uniform(0.3, 1),
    ];
    return {
      f: (x) => tf.localResponseNormalization(x as tf.Tensor4D, radius, bias, alpha, beta),
      at: [r.values([r.integer(1, 2), 2, r.integer(1, 2), r.integer(1, 5)])],
    };
  },
  MaxPool: pool2d((x, filter, strides, pad, rounding) => tf.maxPool(x, filter, strides, pad, rounding), true),
  MaxPool3D: pool3d(tf.maxPool3d, true),
  ResizeBilinear: resize(tf.image.resizeBilinear),
  ResizeNearestNeighbor: resize(tf.image.resizeNearestNeighbor),
  SpaceToBatchND: (r) => {
    const block = [r.integer(1, 2), r.integer(1, 2)];
    const paddings = block.map((n) => [n === 2 ? r.integer(0, 2) : 0, 0]);
    const extents = block.map((n, i) => n * r.integer(1, 2) + (n === 2 ? paddings[i]![0]! % 2 : 0));
    return {
      f: (x) => tf.spaceToBatchND(x, block, paddings),
      at: [r.values([r.integer(1, 2), ...extents, r.integer(1, 2)])],
    };
  },
  fusedConv2d__op: (r) => {
    const { image, filter, strides, pad } = window2d(r);
    const dilated = r.one([1, 1, 2]);
    const nchw = r.boolean();
    const biased = r.boolean();
    const fits = filter.map((n, i) => (dilated * (n - 1) + 1 <= image[i + 1]! ? n : 1)) as [number, number];
    const outputs = r.integer(1, 2);
    return {
      f: (x, w, bias) =>
        tf.fused.conv2d({
          x: x as tf.Tensor4D,
          filter: w as tf.Tensor4D,
          strides: dilated > 1 ? 1 : strides,
          pad: pad === 1 ? 'same' : pad,
          dataFormat: nchw ? 'NCHW' : 'NHWC',
          dilations: dilated,
          ...(biased ? { bias: bias } : {}),
        }),
      at: [
        r.values(nchw ? [image[0]!, image[3]!, image[1]!, image[2]!] : image),
        r.values([...fits, image[3]!, outputs]),
        r.values([outputs]),
      ],
    };
  },
  fusedDepthwiseConv2d__op: (r) => {
    const { image, filter, strides, pad } = window2d(r);
    const dilated = r.one([1, 2]);
    const fits = filter.map((n, i) => (dilated * (n - 1) + 1 <= image[i + 1]! ? n : 1)) as [number, number];
    const outputs = r.integer(1, 2);
    return {
      f: (x, w, bias) =>
        tf.fused.depthwiseConv2d({
          x: x as tf.Tensor4D,
          filter: w as tf.Tensor4D,
          strides: dilated > 1 ? 1 : strides[0],
          pad: pad === 1 ? 'same' : pad,
          dilations: dilated,
          bias: bias,
        }),
      at: [r.values(image), r.values([...fits, image[3]!, outputs]), r.values([image[3]! * outputs])],
    };
  },
});
