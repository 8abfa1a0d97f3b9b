export { releasedOnce } from './field/linearization.ts';
export { stepAttempt, stepForward, stepGradient } from './field/step-program.ts';
export { type ProgramBuilder, createBuilder } from './ir/builder.ts';
export { largestOperation, multiplications, operations } from './ir/cost.ts';
export { type Editor, edit } from './ir/editor.ts';
export { type FloatData, type FloatType, bytesOfFloat, bytesPerElement, floats } from './ir/floats.ts';
export { resultTypes } from './ir/kernel-shapes.ts';
export {
  type Attributes,
  type ConstantData,
  type ElementType,
  type FieldPrograms,
  type Instruction,
  type Program,
  type TensorType,
  type Value,
  bytesOf,
  countUses,
  dependents,
  difference,
  makersOf,
  pointwise,
  pulledBack,
  restrict,
  restrictTo,
  sameShape,
  sizeOf,
} from './ir/program.ts';
export { flatten } from './passes/flatten.ts';
export { hoist } from './passes/invariants.ts';
export { type Activations, type Split, split } from './passes/partition.ts';
export { readParts } from './passes/quadratures.ts';
export { regroup } from './passes/reassociate.ts';
export { type Layout, rowLayouts } from './passes/sharding.ts';
export { simplify } from './passes/simplify.ts';
export { sumOf } from './passes/sum-terms.ts';
export { createTraceCache, gradientIn } from './tracing/cache.ts';
export { checkMissed, findReads, recordingFor } from './tracing/found-reads.ts';
export { checkPurity } from './tracing/guards.ts';
export { type ExactKernel, type KnownOperand, computeNumbersBy } from './tracing/numbers.ts';
export { countCompilation } from './tracing/recompilation.ts';
export { traceField, traceGradient } from './tracing/trace.ts';
export { recovered } from './tracing/written.ts';
