import { family, type Kernel, type Kernels } from './kernel.ts';
import { broadcastTruth, broadcastType, castTo, likeFirst, likeT, truthLikeFirst } from './result-rules.ts';

/** What an elementary function of one entry costs, in multiplications. */
export const FUNCTION = 10;

const unary = { operands: 'x', result: likeFirst, elementwise: true, rows: 'entries' } as const;
const binary = { operands: 'a b', result: broadcastType, elementwise: true, rows: 'entries' } as const;
const comparison = { ...binary, result: broadcastTruth, cheap: true } as const;
const cheapUnary: Kernel = { ...unary, cheap: true };

/** Kernels that make each entry of their result of the entries at the same place. */
export const elementwiseKernels: Kernels = {
  ...family('Ceil Floor Identity LeakyRelu Reciprocal Round Rsqrt Sqrt', unary),
  ...family('Abs ClipByValue Relu Relu6 Sign Square Step', cheapUnary),
  ...family('Acos Acosh Asin Asinh Atan Atanh Cos Cosh Elu Erf Exp Expm1 Log Log1p', {
    ...unary,
    cost: FUNCTION,
  }),
  ...family('Selu Sigmoid Sin Sinh Softplus Tan Tanh', { ...unary, cost: FUNCTION }),
  ...family('IsNan IsInf IsFinite', { ...unary, result: truthLikeFirst }),
  Neg: { ...cheapUnary, linear: 'jointly' },
  LogicalNot: cheapUnary,
  Cast: { ...cheapUnary, result: castTo },
  Prelu: { ...unary, operands: 'x alpha' },
  EluGrad: { ...cheapUnary, operands: 'dy y', linear: ['dy'] },

  Add: { ...binary, commutative: true, neutral: 0, linear: 'jointly', cheap: true },
  Sub: { ...binary, neutral: 0, linear: 'jointly', cheap: true },
  Multiply: { ...binary, commutative: true, neutral: 1, linear: ['a', 'b'], cheap: true },
  RealDiv: { ...binary, neutral: 1, linear: ['a'] },
  // Of which type the result is depends on the backend.
  FloorDiv: { operands: 'a b', elementwise: true, rows: 'entries' },
  Pow: { ...binary, cost: FUNCTION },
  ...family('Maximum Minimum', { ...binary, commutative: true, cheap: true }),
  ...family('Atan2 Mod', binary),
  SquaredDifference: { ...binary, commutative: true },
  AddN: { ...unary, operands: '*', linear: 'jointly', idleAtFullSize: true },

  ...family('Greater GreaterEqual Less LessEqual', comparison),
  ...family('Equal NotEqual LogicalAnd LogicalOr LogicalXor', { ...comparison, commutative: true }),
  Select: { operands: 'condition t e', result: likeT, elementwise: true, cheap: true, rows: 'entries' },
};
