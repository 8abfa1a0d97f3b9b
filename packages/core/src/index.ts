export { METHOD_RULES, stepsBetween, STEPPING_RULES } from './gradient/check.ts';
export { checkTimes } from './gradient/check-times.ts';
export { integral, pi, pid, type PidOptions } from './stepping/controllers.ts';
export { describe } from './arguments/describe.ts';
export { alongSlopes } from './solver/along-slopes.ts';
export { isDifferentiable, type DifferentiableSolver } from './solver/differentiable.ts';
export {
  ArgumentError,
  EngineError,
  RegistryError,
  SolveError,
  TableauError,
  type SolveErrorCode,
  type SolveErrorDetails,
} from './arguments/errors.ts';
export { stageEvaluator, type Evaluations } from './stepping/evaluator.ts';
export {
  DEFAULT_MAX_STEPS,
  integrate,
  integration,
  type AcceptedStep,
  type Watcher,
} from './stepping/integrate.ts';
export { createLedger } from './memory/ledger.ts';
export { type Ledger, type Statistics } from './types/statistics.ts';
export { ofKind, type Kind, type Registered } from './registry/kinds.ts';
export { once } from './memory/once.ts';
export type { Course, Parts, ShareOut } from './events/parts.ts';
export type { Stretch } from './events/stretch.ts';
export type { Memory } from './memory/memory.ts';
export {
  callable,
  check,
  checkOptions,
  countOf,
  flag,
  hasMembers,
  numberThat,
  valueThat,
  type Rule,
  type Rules,
} from './arguments/options.ts';
export { errorNorm, type ErrorNorm } from './stepping/error-norm.ts';
export { isFixed, type Proposal } from './stepping/pace.ts';
export { createRegistry, registry, Registry } from './registry/registry.ts';
export { interpolantOf } from './solver/interpolant.ts';
export { isTableau, rungeKutta } from './solver/runge-kutta.ts';
export type { BytesByLevel, Footprint } from './gradient/footprint.ts';
export type { Measurement, Outlook, Restored, Retention } from './gradient/retention.ts';
export { forward, scheduled, type Schedule } from './gradient/schedule.ts';
export { solution, solutionBySteps, stepwise, type Pullback } from './gradient/solution.ts';
export { drain } from './stepping/progress.ts';
export { stream } from './gradient/stream.ts';
export { sequentialKernel } from './gradient/sequential.ts';
export { instant, sizeOf, stageTime } from './solver/span.ts';
export { combineStates, dotStates, stateBytes } from './memory/state.ts';
export { suggest } from './arguments/suggest.ts';
export { denseOrder } from './solver/continuous-extension.ts';
export { isFirstSameAsLast, solutionStages } from './solver/tableau.ts';
export { verifyTableau } from './solver/verify-tableau.ts';
export type { ButcherTableau, ContinuousExtension } from './types/tableau.ts';
export type { Level, TrajectoryView } from './gradient/trajectory.ts';
export type * from './types/engine.ts';
export type * from './types/event.ts';
export type * from './types/failure.ts';
export type * from './types/field.ts';
export type * from './types/kernel.ts';
export type * from './types/linearization.ts';
export type * from './types/plugin.ts';
export type * from './types/points.ts';
export type * from './types/problem.ts';
export type * from './types/progress.ts';
export type * from './types/solver.ts';
export type * from './types/span.ts';
export type * from './types/stepping.ts';
