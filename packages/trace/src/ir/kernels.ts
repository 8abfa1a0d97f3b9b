/** Kernels that make each entry of their result of the entries at the same place, operands broadcast. */
export const elementwise: readonly string[] = [
  'Abs Ceil Cos Exp Floor Log Neg Reciprocal Round Sign Sin Sqrt Acos Acosh Asin Asinh Atan Atanh Cosh Erf Expm1 Log1p',
  'Sinh Tan Rsqrt Square Step ClipByValue Cast',
  'Add Sub Multiply RealDiv FloorDiv Pow Maximum Minimum Mod Atan2 SquaredDifference AddN',
  'Equal NotEqual Greater GreaterEqual Less LessEqual LogicalAnd LogicalOr LogicalXor LogicalNot IsNan IsInf IsFinite Select',
  'Relu Relu6 LeakyRelu Prelu Elu EluGrad Selu Sigmoid Softplus Tanh',
].flatMap((line) => line.split(' '));
