// ir: what programs and kernels are, how programs are put together, what they cost, and whether they are sound.
export * as settings from './ir/attributes.ts';
export { type ProgramBuilder, createBuilder } from './ir/builder.ts';
export { largestOperation, multiplications, operations } from './ir/cost.ts';
export { type Editor, edit } from './ir/editor.ts';
export { erfcxCoefficients } from './ir/erfcx.ts';
export { type FloatData, type FloatType, bytesOfFloat, bytesPerElement, floats } from './ir/floats.ts';
export { type Kernel } from './ir/kernel.ts';
export { kernels, resultTypes } from './ir/kernels.ts';
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
export { verified } from './ir/verify.ts';
export { type WindowMoves, type Windows, offsets, windowMoves, windowsOf } from './ir/windows.ts';

// arrays: typed arrays of JavaScript, their pool and their arithmetic, for engines that compute in such.
export { arrayEngine, arrayOf } from './arrays/engine.ts';
export {
  type ArrayKind,
  type ArrayPool,
  type HostArray,
  addInto,
  createPool,
  hold,
  release,
  take,
  unhold,
  wrap,
  zeros,
} from './arrays/host-array.ts';
export { shelfFor } from './arrays/shelf.ts';

// passes: programs in, programs out, or what is found in them.
export { flatten } from './passes/flatten.ts';
export { hoistInvariants } from './passes/invariants.ts';
export { lerp } from './passes/lerp.ts';
export { type Activations, type Partition, partition } from './passes/partition.ts';
export { type Pass, runPasses } from './passes/pass.ts';
export { withoutQuadratures } from './passes/quadratures.ts';
export { reassociate } from './passes/reassociate.ts';
export { type Sharding, shardings } from './passes/sharding.ts';
export { simplify } from './passes/simplify.ts';
export { sumOf } from './passes/sum-terms.ts';

// tracing: from f to its programs, what it reads, and guards that it still is what was recorded.
export { type TracedField, createTraceCache } from './tracing/cache.ts';
export { checkMissed, findReads, recordingFor } from './tracing/found-reads.ts';
export { exactKernels } from './tracing/exact-kernels.ts';
export { checkGuards, slopeAtStart } from './tracing/guards.ts';
export { type ExactKernel, type KnownOperand, computeNumbersBy } from './tracing/numbers.ts';
export { countCompilation } from './tracing/recompilation.ts';
export { traceField, traceGradient } from './tracing/trace.ts';
export { recovered } from './tracing/written.ts';

// field: from programs of f to programs of whole steps, and to the engine that suits them.
export { type AutoChoice, type AutoOptions, auto, autoEngine } from './field/auto-engine.ts';
export { onceFor } from './field/once.ts';
export { releasedOnce } from './field/linearization.ts';
export { stepAttempt, stepForward, stepGradient } from './field/step-program.ts';
