export { checkTimes, METHOD_RULES, stepsBetween, STEPPING_RULES } from './check.ts';
export { integral, pi, pid, type PidOptions } from './controllers.ts';
export { describe } from './describe.ts';
export type { DifferentiableSolver } from './differentiable.ts';
export {
  ArgumentError,
  EngineError,
  RegistryError,
  SolveError,
  TableauError,
  type SolveErrorCode,
  type SolveErrorDetails,
} from './errors.ts';
export { stageEvaluator } from './evaluator.ts';
export { DEFAULT_MAX_STEPS, integrate, type AcceptedStep, type Watcher } from './integrate.ts';
export { createLedger, type Ledger, type Statistics } from './ledger.ts';
export { ofKind, type Kind, type Registered } from './kinds.ts';
export type { Memory } from './memory.ts';
export {
  callable,
  check,
  checkOptions,
  countOf,
  flag,
  hasMembers,
  valueThat,
  type Rule,
  type Rules,
} from './options.ts';
export { isFixed, type Proposal } from './pace.ts';
export { createRegistry, registry, Registry } from './registry.ts';
export { isTableau, rungeKutta } from './runge-kutta.ts';
export type { BytesByLevel, Footprint } from './footprint.ts';
export type { Measurement, Outlook, Retention } from './retention.ts';
export { forward, scheduled, type Schedule } from './schedule.ts';
export { solution, type Pullback } from './solution.ts';
export { stagedStep, type StagedStep } from './staged-step.ts';
export { combineStates, dotStates, stateBytes } from './state.ts';
export { suggest } from './suggest.ts';
export { isFirstSameAsLast, solutionStages, verifyTableau, type ButcherTableau } from './tableau.ts';
export type { Level, TrajectoryView } from './trajectory.ts';
export type * from './types.ts';
