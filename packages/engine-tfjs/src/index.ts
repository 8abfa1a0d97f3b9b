import type { Plugin } from '@odegrad/core';
import { tfjsEngine } from './tfjs-engine.ts';

export type { Times } from './arguments.ts';
export { chooseBackend, type ChosenBackend, type TriedBackend } from './backend.ts';
export type { BackendName } from './backend-candidate.ts';
export { checkAlive } from './disposed.ts';
export { explained, missingKernel } from './explain.ts';
export type { FieldEngine, FieldRequest, FlatField, PreparedField } from './field-engine.ts';
export { checkKernel } from './gradients/wrong-kernels.ts';
export { odeint } from './odeint.ts';
export type { ControllerName, EngineName, GradientName, OdeOptions, SolverName } from './options.ts';
export { record, type Recording } from './recording.ts';
export { smoothGradients } from './smooth.ts';
export { solve, type OdeGradient, type OdeSolution } from './solve.ts';
export type {
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
} from './state.ts';
export { isolated } from './tape.ts';
export { requireFloat32, tfjsEngine } from './tfjs-engine.ts';

/** The engine as a plugin. `odeint` and `solve` know it without. */
const plugin: Plugin = { name: '@odegrad/engine-tfjs', engines: [tfjsEngine] };
export default plugin;
