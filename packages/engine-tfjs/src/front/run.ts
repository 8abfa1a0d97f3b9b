import { getGradient, Tensor, type Variable } from '@tensorflow/tfjs-core';
import {
  EngineError,
  isFixed,
  type ByPart,
  type Engine,
  type GradientStrategy,
  type State,
  type Statistics,
} from '@odegrad/core';
import type { Call } from './arguments.ts';
import type { FieldEngine } from '../eager/field-engine.ts';
import { outputTimes } from './output-times.ts';
import type { Part } from './parts.ts';
import { hasDerivative } from '../tape/discrete.ts';
import { environmentOf, type Environment } from '../tape/environment.ts';
import { findReads } from './probe.ts';
import { isolated } from '../tape/tape.ts';
import { readsTime, watchTimes } from './time-resolution.ts';

/** A finished forward pass, in the user's kind of parts. Its arrays live until `release()`. */
export interface Run<P> {
  /** The name of the engine that ran it. */
  readonly engine: string;
  readonly stats: Statistics;
  /** The trajectory of each part, `[ts.length, ...shape]`. The caller owns them. */
  trajectories(): P[];
  /** Pulls cotangents of the trajectories back. May be called again; the caller owns the result. */
  pullback(cotangents: readonly P[]): RunGradient<P>;
  /** Frees what was kept. May be called again. */
  release(): void;
  /** Runs `body` while what f reads has the values that it had in this run. */
  within<T>(body: () => T): T;
}

/** Gradient of a loss of the trajectories. */
export interface RunGradient<P> {
  readonly y0: readonly P[];
  readonly parameters: readonly P[];
  /** Where the times came as a tensor. */
  readonly ts: P | undefined;
  /** Where the jumps did. */
  readonly jumpAt: P | undefined;
}

/** What f depends on besides t and y, and what of it gradients are taken for. */
export interface Parameters {
  readonly parameters: readonly Tensor[];
  /** All that f was seen to read; undefined where no gradient is taken. */
  readonly reads?: readonly Tensor[];
  /** Whether a gradient would be lost if f read this besides. */
  readonly isMissed?: (x: Tensor) => boolean;
}

/**
 * Runs the forward pass of `call` with `strategy`, on no tape but its own. Leaves nothing if it throws. What f reads has the
 * values of this moment until the run is released.
 */
export function run<S, P extends Part>(
  call: Call<S, P>,
  strategy: GradientStrategy,
  parameters: Parameters,
): Run<P> {
  const environment = environmentOf([
    ...withArgs(parameters.reads ?? [], call),
    ...call.y0.filter((part): part is P & Tensor => part instanceof Tensor),
  ]);
  try {
    return isolated(() => runOn(call.engine, call, strategy, parameters, environment));
  } catch (error) {
    environment.release();
    throw error;
  }
}

function runOn<A, S, P extends Part>(
  provider: FieldEngine<A>,
  { f, key, kind, y0, ts, timesTensor, dtype, method, outputs, stops, args }: Call<S, P>,
  strategy: GradientStrategy,
  { parameters, reads, isMissed }: Parameters,
  environment: Environment,
): Run<P> {
  const times = outputTimes(ts, outputs, method, strategy, stops);
  const prepared = kind.withTensors(y0, (tensors) =>
    provider.prepare({
      f,
      key,
      t0: ts[0]!,
      y0: tensors,
      parameters,
      ...(reads && { reads }),
      ...(isMissed && { isMissed }),
      within: environment.within,
      ...(dtype === 'float64' && { exact: args.exact }),
      dtype,
    }),
  );
  const { field } = prepared;
  const { engine } = field;
  const port = kind.port(prepared, provider.name);
  const shapes = y0.map(({ shape }) => shape);
  if (!isFixed(method.stepping)) warnOfNoise(engine, method.stepping.rtol);
  const releaseState = (state: State<A>): void => {
    state.forEach((x) => {
      engine.release(x);
    });
  };
  const start: A[] = [];
  try {
    for (const part of y0) start.push(port.enter(part));
    const timeGradients = timesTensor !== undefined || stops.jumpsTensor !== undefined;
    const watched = watchTimes({
      ts,
      method,
      engine: { name: provider.name, roundoff: engine.roundoff },
      readsTime: () => kind.withTensors(y0, (tensors) => readsTime(f, ts[0]!, tensors)),
    });
    const { knots, between } = times;
    const problem = {
      field,
      y0: start,
      ts: times.ts,
      ...(knots.size > 0 ? { knots } : {}),
      timeGradients,
      ...(between.length > 0 ? { between } : {}),
    };
    const solution = strategy.solve(problem, watched);
    let released = false;
    return {
      engine: prepared.ranOn ?? provider.name,
      stats: solution.stats,
      trajectories: () =>
        isolated(() => port.trajectories(times.merge(solution.ys, solution.between), shapes)),
      pullback: (cotangents) =>
        isolated(() => {
          const states = port.cotangents(cotangents);
          try {
            const { atLandings, between: within } = times.split(states);
            const gradient = solution.pullback(atLandings, { between: within });
            const parts = {
              y0: gradient.y0.map((x, i) => port.leave(x, shapes[i]!)),
              parameters: gradient.parameters.map((x, i) => port.leave(x, parameters[i]!.shape)),
              ts: timesTensor && kind.vector(times.merge(gradient.ts, gradient.between ?? [])),
              jumpAt: stops.jumpsTensor && kind.vector(times.jumps(gradient.ts)),
            };
            releaseState(gradient.y0);
            releaseState(gradient.parameters);
            return parts;
          } finally {
            states.forEach(releaseState);
          }
        }),
      release() {
        if (released) return;
        released = true;
        solution.release();
        releaseState(start);
        environment.release();
      },
      within: environment.within,
    };
  } catch (error) {
    releaseState(start);
    throw error;
  }
}

const warned = new Set<string>();

/** Says once for each engine that tolerances under its rounding errors make a controller chase noise. */
function warnOfNoise({ name, roundoff }: Engine<unknown>, byPart: ByPart): void {
  const least = 16 * roundoff;
  const rtol = [byPart].flat().find((x) => x > 0 && x < least);
  if (rtol === undefined || warned.has(name)) return;
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

/** What f reads at (t0, y0): variables and captured tensors, in the order of their first use. */
export function readsOf<S, P extends Part>(call: Call<S, P>): readonly Tensor[] {
  const { f, ts, kind, y0, engine, dtype } = call;
  requireGradients();
  const t0 = ts[0]!;
  return kind.withTensors(
    y0,
    (tensors) => engine.findReads?.({ f, t0, y0: tensors, dtype }) ?? findReads(f, t0, tensors),
  );
}

/** What a solve reads, as far as it is known before: what f was seen to read, and its args. */
export function withArgs<S>(reads: readonly Tensor[], { args }: Call<S>): readonly Tensor[] {
  return [...new Set([...reads, ...args.tensors])];
}

/** The variables to take gradients for: the user's list, or the trainable ones that f reads. */
export function variablesOf<S, P extends Part>(
  { params }: Call<S, P>,
  reads: readonly Tensor[],
): readonly Variable[] {
  return params ?? reads.filter((x): x is Variable => hasDerivative(x));
}
