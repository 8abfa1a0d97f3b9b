export * from '@odegrad/core';
export { registry } from './registered.ts';
export { hessianVector, odeint, odeintEvent, solve, solveAsync, steps, tangent } from './odeint.ts';
export {
  chooseBackend,
  control,
  smoothGradients,
  tfjsEngine,
  type ArgGradients,
  type ArgsOf,
  type AsyncOdeOptions,
  type BackendName,
  type ChosenBackend,
  type ControllerName,
  type Control,
  type ControlKind,
  type CotangentOf,
  type EngineName,
  type FieldEngine,
  type Float64Part,
  type Float64Tensor,
  type GradientName,
  type LikeState,
  type Model,
  type OdeEvent,
  type OdeEventOptions,
  type OdeEventResult,
  type OdeEvents,
  type OdeGradient,
  type OdeHappening,
  type OdeHappeningCotangent,
  type OdeOptions,
  type OdePoint,
  type OdeSolution,
  type OdeState,
  type OdeStatus,
  type OdeStep,
  type OdeStop,
  type PointTimes,
  type SlopeOf,
  type SolveOptions,
  type SolverName,
  type StateOf,
  type StepsOptions,
  type Times,
  type Tolerances,
  type TriedBackend,
  type VectorFieldFunction,
} from '@odegrad/engine-tfjs';
export { replayEngine } from '@odegrad/engine-replay';
export { wasm, wasmEngine, type WasmOptions } from '@odegrad/engine-wasm';
export { adjoint, continuousAdjoint } from '@odegrad/grad-adjoint';
export { backprop } from '@odegrad/grad-backprop';
export * from '@odegrad/grad-checkpoint';
export { symplectic } from '@odegrad/grad-symplectic';
export * from '@odegrad/tableaux';
export {
  tangentField,
  tangents,
  type ArgDirections,
  type HessianVectorOptions,
  type OdeDirection,
  type OdeTangent,
  type TangentArgs,
  type TangentCotangents,
  type TangentField,
  type TangentFieldOptions,
  type TangentOptions,
} from '@odegrad/tangents';
