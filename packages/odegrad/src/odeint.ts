import { hasMembers } from '@odegrad/core';
import { odeint as onEngine, solve as onEngineSolve, type OdeOptions } from '@odegrad/engine-tfjs';
import { registry } from './registered.ts';

/** What this package takes where nothing is said: names are looked up here, and f is compiled where it can be. */
const DEFAULTS = { registry, engine: 'auto' } as const satisfies OdeOptions;

// What is no record of options goes on as it is, to be refused by name.
const withDefaults = <A>(options: OdeOptions<A> = {}): OdeOptions<A> =>
  hasMembers(options, {}) && !Array.isArray(options) ? { ...DEFAULTS, ...defined(options) } : options;

/** Without options that are undefined, which would hide the defaults. */
function defined<A>(options: OdeOptions<A>): OdeOptions<A> {
  return Object.fromEntries(Object.entries(options).filter(([, value]) => value !== undefined));
}

/**
 * Solves dy/dt = f(t, y), y(ts[0]) = y0: `odeint` of `@odegrad/engine-tfjs`, with f compiled to WebAssembly unless `engine` says
 * otherwise, it cannot be recorded, or it is large and `@odegrad/engine-onnx` is registered.
 *
 * @throws {ArgumentError} for arguments that make no sense, {RegistryError} for unknown names, {SolveError} if
 * the solve cannot go on. Nothing stays alive then.
 */
export const odeint: typeof onEngine = (f, y0, ts, options) => onEngine(f, y0, ts, withDefaults(options));

/**
 * The same without a tape, with statistics and a pullback: `solve` of `@odegrad/engine-tfjs`, with the defaults of `odeint`.
 *
 * @throws {ArgumentError} for arguments that make no sense, {RegistryError} for unknown names, {SolveError} if
 * the solve cannot go on. Nothing stays alive then.
 */
export const solve: typeof onEngineSolve = (f, y0, ts, options) =>
  onEngineSolve(f, y0, ts, withDefaults(options));
