import {
  add,
  cast,
  div,
  equal,
  greater,
  greaterEqual,
  less,
  lessEqual,
  log,
  matMul,
  mul,
  neg,
  pow,
  reshape,
  rsqrt,
  square,
  sub,
  sum,
  util,
  where,
  zerosLike,
  type BatchMatMulAttrs,
  type FusedBatchNormAttrs,
  type MaxAttrs,
  type MinAttrs,
  type Tensor,
} from '@tensorflow/tfjs-core';
import { EngineError } from '@odegrad/core';
import { sumTo, type Correction, type Recorded } from './correction.ts';

const unsummed = 'Where an operand is broadcast, its cotangent is not added up: an error.';

/** The gradient of the larger or smaller of two, where `chosen` is 1 for the first. */
const extremum = (isFirst: typeof greaterEqual, isSecond: typeof less): Correction => ({
  why: unsummed,
  gradient: ({ dy, saved: [a, b] }) => ({
    a: () => sumTo(mul(dy, cast(isFirst(a!, b!), 'float32')), a!.shape),
    b: () => sumTo(mul(dy, cast(isSecond(a!, b!), 'float32')), b!.shape),
  }),
});

/** Each of several equal extrema gets its share. */
function shared({ dy, saved: [x, y] }: Recorded, axis: number | number[]): Tensor {
  const axes = util.parseAxisParam(axis, x!.shape);
  const kept = x!.shape.map((extent, i) => (axes.includes(i) ? 1 : extent));
  const hits = cast(equal(x!, reshape(y!, kept)), 'float32');
  return mul(div(reshape(dy, kept), sum(hits, axes, true)), hits);
}

const ties =
  'Each of several equal extrema gets the whole cotangent: the derivative along all of them is a multiple.';

/**
 * The pullback of a product of (batches of) matrices, whose batches may broadcast.
 * @throws {EngineError} where an axis within the batches is broadcast, which TensorFlow.js' kernels multiply wrongly.
 */
export function matMulGradient(
  dy: Tensor,
  a: Tensor,
  b: Tensor,
  { transposeA, transposeB }: BatchMatMulAttrs,
): { a: () => Tensor; b: () => Tensor } {
  // The kernels begin anew with the smaller batch whenever it is through.
  const [one, two] = [a, b].map(({ shape }) =>
    shape
      .slice(0, -2)
      .join('x')
      .replace(/^(1(x|$))+/, ''),
  );
  const [short, long] = one!.length < two!.length ? [one!, two!] : [two!, one!];
  if (short !== '' && !`x${long}`.endsWith(`x${short}`)) {
    throw new EngineError(
      `TensorFlow.js multiplies batches of shapes [${a.shape.join()}] and [${b.shape.join()}] wrongly. Bring them to one ` +
        'shape with tf.broadcastTo before tf.matMul.',
    );
  }
  return {
    a: () => sumTo(transposeA ? matMul(b, dy, transposeB, true) : matMul(dy, b, false, !transposeB), a.shape),
    b: () => sumTo(transposeB ? matMul(dy, a, true, transposeA) : matMul(a, dy, !transposeA, false), b.shape),
  };
}

/** Gradients of operations whose operands broadcast, or that choose among entries. */
export const broadcasting: Record<string, Correction> = {
  BatchMatMul: {
    why: unsummed,
    gradient(recorded) {
      const [a, b] = recorded.saved as [Tensor, Tensor];
      const outer = ({ shape }: Tensor): string => shape.slice(0, -2).join();
      if (outer(a) === outer(b)) return recorded.registered();
      return matMulGradient(recorded.dy, a, b, recorded.attributes as BatchMatMulAttrs);
    },
  },
  FusedBatchNorm: {
    why: 'Without a scale or an offset it is a TypeError; parameters that broadcast otherwise than along the last axis fail.',
    gradient({ dy, saved: [x, mean, variance, scale], attributes, inputs }) {
      const { varianceEpsilon } = attributes as FusedBatchNormAttrs;
      const inverse = rsqrt(add(variance!, varianceEpsilon));
      const scaled = scale ? mul(dy, scale) : dy;
      const centred = (): Tensor => sub(x!, mean!);
      return {
        x: () => mul(scaled, inverse),
        mean: () => sumTo(neg(mul(scaled, inverse)), mean!.shape),
        variance: () => sumTo(mul(mul(scaled, centred()), mul(pow(inverse, 3), -0.5)), variance!.shape),
        scale: () => sumTo(mul(dy, mul(centred(), inverse)), scale!.shape),
        offset: () => sumTo(dy, inputs['offset']!.shape),
      };
    },
  },
  Max: {
    why: ties,
    gradient: (recorded) => ({
      x: () => shared(recorded, (recorded.attributes as MaxAttrs).reductionIndices),
    }),
  },
  Min: {
    why: ties,
    gradient: (recorded) => ({ x: () => shared(recorded, (recorded.attributes as MinAttrs).axis) }),
  },
  Maximum: extremum(greaterEqual, less),
  Minimum: extremum(lessEqual, greater),
  Pow: {
    why: '0⁰ gives NaN for the base, whose derivative is 0 there.',
    gradient({ dy, saved: [base, exponent, y] }) {
      const e = cast(exponent!, 'float32');
      return {
        // e − 1, but 0 for e = 0, where e makes it all 0.
        a: () => {
          const less = sub(e, cast(greater(square(e), 0), 'float32'));
          return sumTo(mul(dy, mul(e, pow(base!, less))), base!.shape);
        },
        b: () => {
          const logarithm = where(greater(base!, 0), log(base!), zerosLike(base!));
          return sumTo(mul(dy, mul(y!, logarithm)), exponent!.shape);
        },
      };
    },
  },
  Prelu: {
    why: unsummed,
    gradient: ({ dy, saved: [x, alpha] }) => {
      const positive = greater(x!, 0);
      return {
        x: () => sumTo(where(positive, dy, mul(dy, alpha!)), x!.shape),
        alpha: () => sumTo(where(positive, zerosLike(dy), mul(dy, x!)), alpha!.shape),
      };
    },
  },
  SquaredDifference: {
    why: unsummed,
    gradient: ({ dy, saved: [a, b] }) => {
      const slope = (): Tensor => mul(dy, mul(2, sub(a!, b!)));
      return { a: () => sumTo(slope(), a!.shape), b: () => sumTo(neg(slope()), b!.shape) };
    },
  },
};
