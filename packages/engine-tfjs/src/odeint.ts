import { concat, customGrad, clone, reshape, slice, tidy, type Tensor } from '@tensorflow/tfjs-core';
import { ArgumentError, EngineError, forward } from '@odegrad/core';
import { checkCall, type Call, type Times } from './arguments.ts';
import type { OdeOptions } from './options.ts';
import type { Part } from './parts.ts';
import { parametersOf, run, type Run } from './run.ts';
import type { LikeState, Model, OdeState, VectorFieldFunction } from './state.ts';
import { abandonTape, isDifferentiatedAgain, isolated, isTapeOn, whenTapeEnds } from './tape.ts';
import { tensorParts } from './tensor-parts.ts';

/**
 * Solves dy/dt = f(t, y), y(ts[0]) = y0, and returns the states at all `ts`: of the structure of `y0`, each
 * part `[ts.length, ...shape]`, `y0` first.
 *
 * Inside tf.grads, tf.variableGrads or optimizer.minimize the result is differentiable in `y0`, in the
 * variables that `f` reads, and in `ts` where it is a tensor; `gradient` says how. Outside nothing is kept.
 * States may be in doubles where the engine has float64. Then the result is in Float64Tensors, which are on no
 * tape.
 *
 * @throws {ArgumentError} for arguments that make no sense, {RegistryError} for unknown names, {SolveError} if
 * the solve cannot go on. Nothing stays alive then.
 */
export function odeint<const S extends OdeState>(
  f: NoInfer<VectorFieldFunction<S> | Model>,
  y0: S,
  ts: Times,
  options: OdeOptions = {},
): LikeState<S> {
  const call = checkCall(f, y0, ts, options);
  return call.structure.unflatten(isTapeOn() ? differentiable(onTape(call)) : plain(call));
}

function plain<S, P extends Part>(call: Call<S, P>): P[] {
  const solved = run(call, forward, { variables: call.params ?? [], found: false });
  try {
    return solved.trajectories();
  } finally {
    solved.release();
  }
}

/** @throws {ArgumentError} for states in doubles. */
function onTape<S>(call: Call<S>): Call<S, Tensor> {
  if (call.kind === tensorParts) return call as Call<S, Tensor>;
  throw new ArgumentError(
    'y0 is in doubles, and the tape of TensorFlow.js has float32 tensors only: odeint would lose its gradient. Take ' +
      'solve(…).pullback(…), which needs no tape, or call odeint outside tf.grads.',
  );
}

/** The solve as one operation on the tape that is on. */
function differentiable<S>(call: Call<S, Tensor>): Tensor[] {
  const strategy = call.gradient();
  const parameters = parametersOf(call);
  const { timesTensor, y0 } = call;
  const inputs = [...y0, ...parameters.variables, ...(timesTensor ? [timesTensor] : [])];
  let solved: Run<Tensor> | undefined;
  const solve = customGrad(() => {
    const going = (solved = run(call, strategy, parameters));
    try {
      return {
        value: tidy(() => pack(going.trajectories())),
        gradFunc: (cotangent: Tensor) => gradientOf(going, cotangent, call, inputs),
      };
    } catch (error) {
      going.release();
      throw error;
    }
  });
  const packed = solve(...inputs);
  whenTapeEnds(() => solved!.release());
  return unpack(packed, call);
}

/** Pulls the cotangent of the packed trajectories back to all inputs. */
function gradientOf<S>(
  solved: Run<Tensor>,
  cotangent: Tensor,
  call: Call<S, Tensor>,
  inputs: readonly Tensor[],
): Tensor[] {
  const again = isDifferentiatedAgain();
  try {
    const gradients = isolated(() =>
      tidy(() => {
        const { y0, parameters, ts } = solved.pullback(unpack(cotangent, call));
        return [...y0, ...parameters, ...(ts ? [ts] : [])];
      }),
    );
    return again ? gradients.map((x) => onceDifferentiable(x, [cotangent, ...inputs])) : gradients;
  } catch (error) {
    // Nothing stands between here and the end of the outermost gradient, which does not clean up after errors.
    if (!again) abandonTape();
    throw error;
  }
}

/** A gradient that depends on `sources` in a way that is not recorded, and says so when it matters. */
function onceDifferentiable(gradient: Tensor, sources: readonly Tensor[]): Tensor {
  return customGrad(() => ({
    value: clone(gradient),
    gradFunc: () => {
      throw new EngineError(
        'The gradient of odeint cannot be differentiated again: second derivatives through a solve are not ' +
          'implemented. (A tf.grad inside f is fine.)',
      );
    },
  }))(...sources);
}

// A custom gradient has one output, so several parts travel as one vector. A single part is itself.
function pack(trajectories: readonly Tensor[]): Tensor {
  if (trajectories.length === 1) return trajectories[0]!;
  return concat(trajectories.map((x) => reshape(x, [-1])));
}

function unpack<S>(packed: Tensor, { y0, ts }: Call<S, Tensor>): Tensor[] {
  if (y0.length === 1) return [packed];
  let offset = 0;
  return y0.map(({ shape, size }) => {
    const length = ts.length * size;
    const part = reshape(slice(packed, [offset], [length]), [ts.length, ...shape]);
    offset += length;
    return part;
  });
}
