import { exp, mul, neg, reshape, sub, sum, type BatchMatMulAttrs, type Tensor } from '@tensorflow/tfjs-core';
import { matMulGradient } from './broadcasting.ts';
import { sumTo, type Correction, type Cotangents } from './correction.ts';
import { CONV2D, convolutionGradient, DEPTHWISE, isPlain, type ConvolutionAttributes } from './windows.ts';

/** The pullback to a bias, which may be one of channels that come first. */
function biasGradient(dy: Tensor, bias: Tensor, dataFormat: unknown): Tensor {
  const channelsFirst = dataFormat === 'NCHW' && bias.rank === 1;
  return reshape(sumTo(dy, channelsFirst ? [bias.size, 1, 1] : bias.shape), bias.shape);
}

const fusedConvolution = (kernels: readonly [string, string]): Correction => ({
  why: 'Dilations are refused, for 2-D convolutions channels that come first too; dimRoundingMode is forgotten.',
  gradient(recorded) {
    const { dy: given, saved, attributes } = recorded;
    const [filter, x, y, bias] = saved as [Tensor, Tensor, Tensor, Tensor?];
    const dy = reshape(given, y.shape);
    const settings = attributes as ConvolutionAttributes & { dataFormat: unknown };
    if (isPlain(settings) && settings.dataFormat === 'NHWC') return recorded.registered();
    const parts = convolutionGradient(kernels, 2, dy, x, filter, settings);
    return withBias([parts.x, parts.filter], bias && (() => biasGradient(dy, bias, settings.dataFormat)));
  },
});

// The inputs of a custom gradient are numbered.
const withBias = (parts: (() => Tensor)[], bias: (() => Tensor) | undefined): Cotangents =>
  Object.fromEntries([...parts, ...(bias ? [bias] : [])].entries());

/**
 * Gradients that are written out in functions of TensorFlow.js instead of being registered for a kernel. The names are those
 * of their scopes; those that run a fused kernel have its attributes.
 */
export const composed: Record<string, Correction> = {
  fusedConv2d__op: fusedConvolution(CONV2D),
  fusedDepthwiseConv2d__op: fusedConvolution(DEPTHWISE),
  fusedMatMul__op: {
    why: 'Where one batch of matrices is broadcast, its cotangent is not added up: an error.',
    gradient(recorded) {
      const { dy, saved, attributes } = recorded;
      const [a, b, y, bias] = saved as [Tensor, Tensor, Tensor, Tensor?];
      if (a.shape[0] === b.shape[0]) return recorded.registered();
      const parts = matMulGradient(reshape(dy, y.shape), a, b, attributes as BatchMatMulAttrs);
      return withBias([parts.a, parts.b], bias && (() => sumTo(dy, bias.shape)));
    },
  },
  softmaxCrossEntropy__op: {
    why: 'The gradient of the labels is that of the logits with another sign, and that of the logits takes labels to add up to 1.',
    gradient({ dy, saved }) {
      const [labels, logResult] = saved as [Tensor, Tensor];
      const each = reshape(dy, [...dy.shape, 1]);
      return {
        0: () => neg(mul(each, logResult)),
        1: () => mul(each, sub(mul(exp(logResult), sum(labels, -1, true)), labels)),
      };
    },
  },
};
