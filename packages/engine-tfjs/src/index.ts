import type { Plugin } from '@odegrad/core';
import { tfjsEngine } from './eager/tfjs-engine.ts';

export type { Times } from './front/arguments.ts';
export { chooseBackend, type ChosenBackend, type TriedBackend } from './backend/backend.ts';
export type { BackendName } from './backend/backend-candidate.ts';
export { checkAlive } from './tape/disposed.ts';
export { explained, missingKernel } from './eager/explain.ts';
export type { FieldEngine, FieldRequest, FlatField, PreparedField } from './eager/field-engine.ts';
export type { Along, TangentSolver } from './front/again.ts';
export { checkKernel } from './gradients/wrong-kernels.ts';
export { control, type Control, type ControlKind } from './front/control.ts';
export { flatField } from './front/flat-field.ts';
export { odeint } from './front/odeint.ts';
export { odeintEvent, type OdeEventOptions, type OdeEventResult } from './front/odeint-event.ts';
export type {
  ControllerName,
  EngineName,
  GradientName,
  OdeOptions,
  SolveOptions,
  SolverName,
} from './front/options.ts';
export type { Tolerances } from './front/tolerances.ts';
export { record, type Recording } from './eager/recording.ts';
export type { OdeEvent, OdeEvents } from './front/events.ts';
export type { OdeHappening, OdeHappeningCotangent } from './front/happenings.ts';
export type { OdePoint, PointTimes } from './front/points.ts';
export { smoothGradients } from './eager/smooth.ts';
export { solve, type OdeGradient, type OdeSolution } from './front/solve.ts';
export type {
  ArgGradients,
  ArgsOf,
  CotangentOf,
  Float64Part,
  Float64Tensor,
  LikeState,
  Model,
  OdeState,
  PartOf,
  SlopeOf,
  StateOf,
  VectorFieldFunction,
} from './front/state.ts';
export type { OdeStatus, OdeStop } from './front/stopped.ts';
export { solveAsync, type AsyncOdeOptions } from './front/solve-async.ts';
export { structureOf, type Structure } from './front/structure.ts';
export { steps, type OdeStep } from './front/steps.ts';
export type { StepsOptions } from './front/steps-options.ts';
export { afresh, isolated } from './tape/tape.ts';
export { requireFloat32, tfjsEngine } from './eager/tfjs-engine.ts';

/** The engine as a plugin. `odeint` and `solve` know it without. */
const plugin: Plugin = { name: '@odegrad/engine-tfjs', engines: [tfjsEngine] };
export default plugin;
