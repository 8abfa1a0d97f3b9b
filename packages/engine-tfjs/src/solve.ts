import { dispose, keep, util, type NamedTensorMap, type Tensor } from '@tensorflow/tfjs-core';
import { ArgumentError, type Statistics } from '@odegrad/core';
import { checkCall, type Call, type Times } from './arguments.ts';
import type { OdeOptions } from './options.ts';
import { parametersOf, run, type Run } from './run.ts';
import type { LikeState, Model, OdeState, VectorFieldFunction } from './state.ts';

/** A solve with its way back. It holds tensors until `dispose()`. */
export interface OdeSolution<S> {
  readonly ts: readonly number[];
  /** The states at `ts`, of the structure of y0, each part `[ts.length, ...shape]`. */
  readonly ys: LikeState<S>;
  /** Evaluations, steps and bytes so far; it goes on counting in `pullback`. */
  readonly stats: Statistics;
  /** Names of what ran. */
  readonly solver: string;
  readonly gradient: string;
  readonly engine: string;
  /**
   * Gradient of a loss whose derivatives with respect to `ys` are `cotangents`. May be called again; the
   * caller owns the tensors.
   */
  pullback(cotangents: LikeState<S>): OdeGradient<S>;
  /** Frees `ys` and what was kept for `pullback`. May be called again. */
  dispose(): void;
}

/** Gradient of a loss through a solve. */
export interface OdeGradient<S> {
  readonly y0: LikeState<S>;
  /** By variable name, as `optimizer.applyGradients` takes them. Zeros for parameters that f does not use. */
  readonly parameters: NamedTensorMap;
  /** ∂ℒ/∂ts, `[ts.length]`, where `ts` was given as a tensor. */
  readonly ts?: Tensor;
}

/**
 * Solves dy/dt = f(t, y), y(ts[0]) = y0, like `odeint`, and returns the solution with its statistics and its
 * pullback. No tape is needed, and none is used; a surrounding `tf.tidy` frees nothing of it.
 *
 * @throws {ArgumentError} for arguments that make no sense, {RegistryError} for unknown names, {SolveError} if
 * the solve cannot go on. Nothing stays alive then.
 */
export function solve<const S extends OdeState>(
  f: NoInfer<VectorFieldFunction<S> | Model>,
  y0: S,
  ts: Times,
  options: OdeOptions = {},
): OdeSolution<S> {
  const call = checkCall(f, y0, ts, options);
  const strategy = call.gradient();
  const parameters = parametersOf(call);
  const solved = run(call, strategy, parameters);
  const trajectories = kept(solved);
  return {
    ts: call.ts,
    ys: call.structure.unflatten(trajectories),
    stats: solved.stats,
    solver: call.method.solver.name,
    gradient: strategy.name,
    engine: call.engine.name,
    pullback(cotangents) {
      const gradient = solved.pullback(checkCotangents(cotangents, call));
      return {
        y0: call.structure.unflatten(gradient.y0),
        parameters: Object.fromEntries(
          parameters.variables.map(({ name }, i) => [name, gradient.parameters[i]!]),
        ),
        ...(gradient.ts ? { ts: gradient.ts } : {}),
      };
    },
    dispose() {
      dispose(trajectories);
      solved.release();
    },
  };
}

function kept(solved: Run): Tensor[] {
  try {
    return solved.trajectories().map((x) => keep(x));
  } catch (error) {
    solved.release();
    throw error;
  }
}

function checkCotangents<S>(cotangents: LikeState<S>, { structure, y0, ts }: Call<S>): Tensor[] {
  const parts = structure.flatten(cotangents, 'cotangents');
  const names = structure.names('cotangents');
  parts.forEach((part, i) => {
    const shape = [ts.length, ...y0[i]!.shape];
    if (part.dtype === 'float32' && util.arraysEqual(part.shape, shape)) return;
    throw new ArgumentError(
      `${names[i]!} must be float32 of the shape of the trajectory, [${shape.join(', ')}], not ${part.dtype} of ` +
        `[${part.shape.join(', ')}].`,
    );
  });
  return parts;
}
