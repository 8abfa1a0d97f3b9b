import { hasMembers } from '@odegrad/core';
import {
  odeint as onEngine,
  odeintEvent as onEngineEvent,
  solve as onEngineSolve,
  solveAsync as onEngineSolveAsync,
  steps as onEngineSteps,
  type OdeOptions,
} from '@odegrad/engine-tfjs';
import { hessianVector as ofHessian, tangent as ofSolution, tangents } from '@odegrad/tangents';
import { registry } from './registered.ts';

/** What this package takes where nothing is said: names are looked up here, and f is compiled where it can be. */
const DEFAULTS = { registry, engine: 'auto' } as const satisfies OdeOptions;

// What is no record of options goes on as it is, to be refused by name.
const withDefaults = <T extends object>(options: T | undefined, more?: Pick<OdeOptions, 'tangents'>): T =>
  options === undefined || (hasMembers(options, {}) && !Array.isArray(options))
    ? { ...DEFAULTS, ...more, ...defined(options ?? ({} as T)) }
    : options;

/** Without options that are undefined, which would hide the defaults. */
function defined<T extends object>(options: T): T {
  return Object.fromEntries(Object.entries(options).filter(([, value]) => value !== undefined)) as T;
}

/**
 * Solves dy/dt = f(t, y), y(ts[0]) = y0: `odeint` of `@odegrad/engine-tfjs`, with f compiled to WebAssembly unless `engine` says
 * otherwise, it cannot be recorded, or it is large and `@odegrad/engine-onnx` is registered. Its gradients may be differentiated again.
 *
 * @throws {ArgumentError} for arguments that make no sense, {RegistryError} for unknown names, {SolveError} if
 * the solve cannot go on. Nothing stays alive then.
 */
export const odeint: typeof onEngine = (f, y0, ts, options) =>
  onEngine(f, y0, ts, withDefaults(options, { tangents }));

/**
 * The same without a tape, with statistics and a pullback: `solve` of `@odegrad/engine-tfjs`, with the defaults of `odeint`.
 *
 * @throws {ArgumentError} for arguments that make no sense, {RegistryError} for unknown names, {SolveError} if
 * the solve cannot go on. Nothing stays alive then.
 */
export const solve: typeof onEngineSolve = (f, y0, ts, options) =>
  onEngineSolve(f, y0, ts, withDefaults(options));

/**
 * The same in turns, so that timers, clicks and frames go on and may end it: `solveAsync` of `@odegrad/engine-tfjs`, with the defaults
 * of `odeint`.
 *
 * @returns A promise that rejects as `solve` throws. Nothing stays alive then.
 */
export const solveAsync: typeof onEngineSolveAsync = (f, y0, ts, options) =>
  onEngineSolveAsync(f, y0, ts, withDefaults(options));

/**
 * `odeint` up to an event: `odeintEvent` of `@odegrad/engine-tfjs`, with the defaults of `odeint`.
 *
 * @throws {SolveError} as `odeint`, and `no-event` where the event is not met. Nothing stays alive then.
 */
export const odeintEvent: typeof onEngineEvent = (f, y0, ts, options) =>
  onEngineEvent(f, y0, ts, withDefaults(options));

/**
 * The steps one by one, for `for (const { t, y } of steps(f, y0, t0))`: `steps` of `@odegrad/engine-tfjs`, with the defaults of `odeint`.
 *
 * @throws {ArgumentError} for arguments that make no sense, {RegistryError} for unknown names, both with the first step, {SolveError}
 * if the solve cannot go on. Nothing stays alive then.
 */
export const steps: typeof onEngineSteps = (f, y0, t0, options) =>
  onEngineSteps(f, y0, t0, withDefaults(options));

/**
 * A solution and its derivative in a direction: `tangent` of `@odegrad/tangents`, with the defaults of `odeint`.
 *
 * @throws {ArgumentError} for arguments that make no sense, {RegistryError} for unknown names, {SolveError} if
 * the solve cannot go on. Nothing stays alive then.
 */
export const tangent: typeof ofSolution = (f, y0, ts, options) =>
  ofSolution(f, y0, ts, withDefaults(options));

/**
 * The Hessian of a loss of a solution times a direction: `hessianVector` of `@odegrad/tangents`, with the defaults of `odeint`.
 *
 * @throws {ArgumentError} for arguments that make no sense, {RegistryError} for unknown names, {SolveError} if
 * the solve cannot go on. Nothing stays alive then.
 */
export const hessianVector: typeof ofHessian = (f, y0, ts, options) =>
  ofHessian(f, y0, ts, withDefaults(options));
