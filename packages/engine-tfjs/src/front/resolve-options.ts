import type { Variable } from '@tensorflow/tfjs-core';
import {
  ArgumentError,
  callable,
  checkOptions,
  flag,
  hasMembers,
  isTableau,
  METHOD_RULES,
  ofKind,
  registry as globalRegistry,
  rungeKutta,
  valueThat,
  verifyTableau,
  type AdaptiveStepping,
  type ButcherTableau,
  type EngineProvider,
  type FixedStepping,
  type GradientStrategy,
  type Method,
  type Registry,
  type Rule,
  type Rules,
  type Solver,
} from '@odegrad/core';
import type { FieldEngine } from '../eager/field-engine.ts';
import { lookUp } from './look-up.ts';
import { eventsRule } from './events.ts';
import type { OdeOptions, SolveOptions } from './options.ts';
import type { OutputMode } from './output-times.ts';
import { saveAtRule, savedOf, type Saved } from './saved.ts';
import { isTimes, stopsOf, type Stops } from './stops.ts';
import type { Structure } from './structure.ts';
import { partitionOf } from './partition.ts';
import { byPart } from './tolerances.ts';
import { checkParameters } from './probe.ts';
import { tfjsEngine } from '../eager/tfjs-engine.ts';

/** The options with names resolved. */
export interface Resolved {
  readonly method: Method;
  /** @throws {RegistryError} where the default strategy is not registered. */
  readonly gradient: () => GradientStrategy;
  readonly engine: FieldEngine<unknown>;
  readonly params: readonly Variable[] | undefined;
  readonly outputs: OutputMode | undefined;
  readonly dtype: 'float32' | 'float64';
  readonly stops: Stops;
  readonly saved: Saved;
}

const ADAPTIVE = ['rtol', 'atol', 'norm', 'controller', 'firstStep', 'minStep', 'force', 'maxStep'] as const;

/** What a function takes as options. */
export interface Accepted {
  /** Its name. */
  readonly of: string;
  readonly rules: Rules;
}

/** What each option may be. */
export const RULES: Readonly<Record<keyof SolveOptions<never>, Rule>> = {
  ...METHOD_RULES,
  events: eventsRule,
  maxEvents: METHOD_RULES.maxSteps,
  // Looked into beside y0.
  partition: () => undefined,
  rtol: () => undefined,
  atol: () => undefined,
  solver: ofKind(['solver', 'tableau'], true),
  gradient: ofKind(['gradient'], true),
  controller: ofKind(['controller'], true),
  engine: ofKind(['engine'], true),
  args: () => undefined,
  params: valueThat('an array of tf.Variable', Array.isArray),
  outputs: valueThat("'interpolate' or 'land'", (value) => value === 'interpolate' || value === 'land'),
  saveAt: saveAtRule,
  dense: flag,
  stepTo: valueThat('an array of finite numbers', isTimes),
  jumpAt: valueThat('an array of finite numbers or a one-dimensional float32 tensor', isTimes),
  dtype: valueThat("'float32' or 'float64'", (value) => value === 'float32' || value === 'float64'),
  tangents: callable,
  registry: valueThat('a registry', (value) =>
    hasMembers(value, { use: 'function', get: 'function', has: 'function' }),
  ),
};

/** @throws {ArgumentError} or {RegistryError}, saying which option is wrong and what would be right. */
export function resolveOptions(
  options: OdeOptions<unknown> & Pick<SolveOptions<never>, 'onFailure'>,
  structure: Structure<unknown>,
  { of, rules }: Accepted = { of: 'odeint and solve', rules: RULES },
): Resolved {
  checkOptions(of, options, rules);
  const { registry = globalRegistry, params, dtype = 'float32' } = options;
  const { maxSteps, maxBytes, signal, onStep, onFailure, ledger } = options;
  const { gradient = maxBytes === undefined ? 'symplectic' : 'auto' } = options;
  const solver = resolveSolver(options.solver ?? 'dopri5', registry);
  const partition = partitionOf(options.partition, structure);
  const strategy = (): GradientStrategy =>
    typeof gradient === 'string' ? lookUp(registry, 'gradient', gradient) : gradient;
  // A name that was given is checked even where no gradient is asked for; the default need not be installed.
  if (options.gradient !== undefined && maxBytes !== undefined) requireBudget(strategy());
  else if (options.gradient !== undefined) strategy();
  return {
    method: {
      solver,
      stepping: resolveStepping(solver, options, registry, structure),
      ...(partition && { partition }),
      ...(maxSteps === undefined ? {} : { maxSteps }),
      ...(maxBytes === undefined ? {} : { maxBytes }),
      ...(signal === undefined ? {} : { signal }),
      ...(onStep === undefined ? {} : { onStep }),
      ...(onFailure === undefined ? {} : { onFailure }),
      ...(ledger === undefined ? {} : { ledger }),
    },
    gradient: strategy,
    engine: resolveEngine(options.engine ?? 'tfjs', registry),
    params: params && checkParameters(params),
    outputs: options.outputs,
    stops: stopsOf(options),
    saved: savedOf(options),
    dtype,
  };
}

/** @throws {ArgumentError} for a strategy that would not heed a budget. */
function requireBudget({ name, keepsBudget }: GradientStrategy): void {
  if (keepsBudget) return;
  throw new ArgumentError(
    `\`maxBytes\` is a budget, which gradient '${name}' does not keep to. Leave one of the two out: without \`gradient\` ` +
      `it is 'auto', which does.`,
  );
}

const verified = new WeakMap<ButcherTableau, Solver>();
/** The latest, for a tableau that is written down where it is used, and so is another object at every call. */
const recent: { readonly content: string; readonly solver: Solver }[] = [];
const RECENT = 16;

function resolveSolver(solver: string | Solver | ButcherTableau, registry: Registry): Solver {
  if (typeof solver === 'string') return lookUp(registry, 'solver', solver);
  if (!isTableau(solver)) return solver;
  let method = verified.get(solver);
  if (!method) verified.set(solver, (method = solverOf(solver)));
  return method;
}

/** Engines keep what they make for a tableau by the object, so what is alike gets the same one. */
function solverOf(tableau: ButcherTableau): Solver {
  const content = JSON.stringify(tableau);
  const known = recent.find((other) => other.content === content);
  if (known) return known.solver;
  const solver = rungeKutta(verifyTableau(tableau));
  recent.unshift({ content, solver });
  recent.length = Math.min(recent.length, RECENT);
  return solver;
}

function resolveStepping(
  solver: Solver,
  options: OdeOptions<unknown>,
  registry: Registry,
  structure: Structure<unknown>,
): FixedStepping | AdaptiveStepping {
  const { numSteps, stepSize, rtol = 1e-3, atol = 1e-6, controller = 'pi' } = options;
  const { norm, firstStep, minStep, force, maxStep } = options;
  if (numSteps !== undefined || stepSize !== undefined) {
    if (numSteps !== undefined && stepSize !== undefined) {
      throw new ArgumentError('`numSteps` and `stepSize` both fix the steps; give one of them.');
    }
    const contradiction = ADAPTIVE.find((name) => options[name] !== undefined);
    if (contradiction) {
      throw new ArgumentError(
        `\`${contradiction}\` is for adaptive steps, but \`${numSteps === undefined ? 'stepSize' : 'numSteps'}\` ` +
          `fixes them. Leave out one of the two.`,
      );
    }
    return numSteps === undefined ? { stepSize: stepSize! } : { numSteps };
  }
  if (solver.embeddedOrder === undefined) {
    throw new ArgumentError(
      `Solver '${solver.name}' estimates no error and cannot choose its steps; output times are not the grid. ` +
        `Give \`numSteps\` (between neighbouring output times) or \`stepSize\`, or take an adaptive solver such ` +
        `as 'dopri5'.`,
    );
  }
  return {
    rtol: byPart('rtol', rtol, structure),
    atol: byPart('atol', atol, structure),
    ...(norm === undefined ? {} : { norm }),
    controller: typeof controller === 'string' ? lookUp(registry, 'controller', controller) : controller,
    ...(firstStep === undefined ? {} : { firstStep }),
    ...(minStep === undefined ? {} : { minStep }),
    ...(force === undefined ? {} : { force }),
    ...(maxStep === undefined ? {} : { maxStep }),
  };
}

function resolveEngine(engine: string | EngineProvider, registry: Registry): FieldEngine<unknown> {
  const found =
    typeof engine !== 'string'
      ? engine
      : engine === tfjsEngine.name && !registry.has('engine', engine)
        ? tfjsEngine
        : lookUp(registry, 'engine', engine);
  if (hasMembers(found, { prepare: 'function' })) return found as FieldEngine<unknown>;
  throw new ArgumentError(
    `Engine '${found.name}' does not run functions on tensors; it cannot serve odeint and solve.`,
  );
}
