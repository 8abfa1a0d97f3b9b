export { bouncingBall, type BouncingBall } from './bouncing-ball.ts';
export { describeController } from './controller-contract.ts';
export { doubledTensorFlow } from './doubled-tensorflow.ts';
export { runCommand, type Ran } from './command.ts';
export { centralDifferences, extrapolatedDifferences, type Point } from './differences.ts';
export {
  discreteReadings,
  discreteSolution,
  discreteSteps,
  moveSteps,
  tangentGradient,
  type DiscreteGradient,
  type DiscreteStep,
} from './discrete.ts';
export { describeEngine, type EngineContract } from './engine-contract.ts';
export { eventTangentGradient, type HandWrittenEvent, type SolvedWithEvents } from './event-tangents.ts';
export { runEventTrial, type EventOutcome, type EventTrial } from './event-trial.ts';
export {
  float64Field,
  joinVectors,
  splitVector,
  type Float64FieldOptions,
  type HandWrittenField,
} from './field.ts';
export { leastBytes } from './least-bytes.ts';
export { createFloat64Engine, type Float64Engine } from './float64-engine.ts';
export { halfway } from './halfway.ts';
export { importsOf } from './imports.ts';
export { fusedField, type WholeSteps } from './fused.ts';
export { exactGradient } from './gradient-trials.ts';
export { describeGradient, logspace, type GradientContract } from './gradient-contract.ts';
export { describeCost, measureCost, type Cost, type Shape } from './gradient-cost.ts';
export {
  forcing,
  jump,
  linear,
  neuralField,
  noise,
  noiseVector,
  pendulum,
  riccati,
  riccatiSolution,
  scalarField,
  spiral,
  spiralSolution,
} from './problems.ts';
export { fisher, hires, robertson, vanDerPol, type StiffProblem } from './stiff.ts';
export { describeSolver } from './solver-contract.ts';
export {
  cotangentsOf,
  flatten,
  readingsOf,
  relativeError,
  runTrial,
  type Outcome,
  type Trial,
} from './trial.ts';
export { Draws, type Draw } from './operations/draws.ts';
export { operations } from './operations/operations.ts';
