import {
  dispose,
  getGradient,
  stack,
  tensor1d,
  tidy,
  unstack,
  type Tensor,
  type Variable,
} from '@tensorflow/tfjs-core';
import {
  EngineError,
  isFixed,
  type Engine,
  type GradientStrategy,
  type State,
  type Statistics,
} from '@odegrad/core';
import type { Call } from './arguments.ts';
import type { FieldEngine } from './field-engine.ts';
import { findParameters } from './probe.ts';
import { isolated } from './tape.ts';

/** A finished forward pass, in tensors. Its arrays live until `release()`. */
export interface Run {
  readonly stats: Statistics;
  /** The trajectory of each part, `[ts.length, ...shape]`. The caller owns the tensors. */
  trajectories(): Tensor[];
  /** Pulls cotangents of the trajectories back. May be called again; the caller owns the tensors. */
  pullback(cotangents: readonly Tensor[]): RunGradient;
  /** Frees what was kept. May be called again. */
  release(): void;
}

/** Gradient of a loss of the trajectories. */
interface RunGradient {
  readonly y0: readonly Tensor[];
  readonly parameters: readonly Tensor[];
  /** Where the times came as a tensor. */
  readonly ts: Tensor | undefined;
}

/** What gradients are taken for, and whether it was found by looking at what f reads. */
export interface Parameters {
  readonly variables: readonly Variable[];
  readonly found: boolean;
}

/** Runs the forward pass of `call` with `strategy`, on no tape but its own. Leaves nothing if it throws. */
export function run<S>(call: Call<S>, strategy: GradientStrategy, parameters: Parameters): Run {
  return isolated(() => runOn(call.engine, call, strategy, parameters));
}

function runOn<A, S>(
  provider: FieldEngine<A>,
  { f, key, y0, ts, timesTensor, dtype, method }: Call<S>,
  strategy: GradientStrategy,
  { variables, found }: Parameters,
): Run {
  const prepared = provider.prepare({
    f,
    key,
    t0: ts[0]!,
    y0,
    parameters: variables,
    parametersFound: found,
    dtype,
  });
  const { field } = prepared;
  const { engine } = field;
  const fromTensor = (x: Tensor): A => prepared.fromTensor(x);
  const toTensor = (x: A): Tensor => prepared.toTensor(x);
  if (!isFixed(method.stepping)) warnOfNoise(engine, method.stepping.rtol);
  const releaseState = (state: State<A>): void => {
    state.forEach((x) => {
      engine.release(x);
    });
  };
  const start: A[] = [];
  try {
    for (const part of y0) start.push(fromTensor(part));
    const timeGradients = timesTensor !== undefined;
    const solution = strategy.solve({ field, y0: start, ts, timeGradients }, method);
    let released = false;
    return {
      stats: solution.stats,
      trajectories: () =>
        isolated(() => tidy(() => y0.map((_, part) => stack(solution.ys.map((y) => toTensor(y[part]!)))))),
      pullback: (cotangents) =>
        isolated(() => {
          const states = cotangentStates(cotangents, fromTensor);
          try {
            const gradient = solution.pullback(states);
            const tensors = {
              y0: gradient.y0.map(toTensor),
              parameters: gradient.parameters.map(toTensor),
              ts: timesTensor && tensor1d([...gradient.ts]),
            };
            releaseState(gradient.y0);
            releaseState(gradient.parameters);
            return tensors;
          } finally {
            states.forEach(releaseState);
          }
        }),
      release() {
        if (released) return;
        released = true;
        solution.release();
        releaseState(start);
      },
    };
  } catch (error) {
    releaseState(start);
    throw error;
  }
}

/** Cotangents by part, each over all times, as states by time. */
function cotangentStates<A>(cotangents: readonly Tensor[], fromTensor: (x: Tensor) => A): State<A>[] {
  const byPart = cotangents.map((x) => unstack(x));
  const states = byPart[0]!.map((_, time) => byPart.map((x) => fromTensor(x[time]!)));
  dispose(byPart);
  return states;
}

const warned = new Set<string>();

/** Says once for each engine that tolerances under its rounding errors make a controller chase noise. */
function warnOfNoise({ name, roundoff }: Engine<unknown>, rtol: number): void {
  const least = 16 * roundoff;
  if (!(rtol > 0 && rtol < least) || warned.has(name)) return;
  warned.add(name);
  console.warn(
    `odegrad: rtol = ${rtol} is below what engine '${name}' resolves (unit roundoff ${roundoff.toExponential(1)}): steps ` +
      `are rejected for rounding errors. Take rtol ≥ ${least.toExponential(0)}, or constant steps.`,
  );
}

/** @throws {EngineError} where TensorFlow.js has no gradients, as tfjs-core alone in Node. */
function requireGradients(): void {
  if ((getGradient('Add') as unknown) !== undefined) return;
  throw new EngineError(
    'TensorFlow.js has no gradients registered: @tensorflow/tfjs-core alone comes without them in Node. Import ' +
      "'@tensorflow/tfjs' once, before the first gradient.",
  );
}

/** The variables to take gradients for: the user's list, or those that f reads. */
export function parametersOf<S>({ params, f, ts, y0 }: Call<S>): Parameters {
  requireGradients();
  return params
    ? { variables: params, found: false }
    : { variables: findParameters(f, ts[0]!, y0), found: true };
}
