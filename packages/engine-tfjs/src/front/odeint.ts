import {
  concat,
  customGrad,
  clone,
  reshape,
  slice,
  tidy,
  Variable,
  type Tensor,
} from '@tensorflow/tfjs-core';
import { ArgumentError, EngineError, forward } from '@odegrad/core';
import { checkCall, type Call, type Times } from './arguments.ts';
import { hasDerivative } from '../tape/discrete.ts';
import type { OdeOptions } from './options.ts';
import { tapeOrigins } from '../tape/origins.ts';
import type { Part } from './parts.ts';
import { readsOf, variablesOf, withArgs } from './reads.ts';
import { run, type Run, type RunGradient } from './run.ts';
import { checkStatesAlone } from './saved.ts';
import type { LikeState, Model, OdeState, VectorFieldFunction } from './state.ts';
import { sizeOf, type Shape } from '../tape/shape.ts';
import {
  abandonGradient,
  isDifferentiatedAgain,
  isolated,
  isTapeOn,
  recordOperation,
  whenTapeEnds,
} from '../tape/tape.ts';
import { tensorParts } from './tensor-parts.ts';

/**
 * Solves dy/dt = f(t, y, args), y(ts[0]) = y0, and returns the states at all `ts`: of the structure of `y0`, each
 * part `[ts.length, ...shape]`, `y0` first; with `saveAt: 'end'` `[...shape]`, the last alone. With times by row, `[B][T]`, each row of
 * a batch is at its own: `[T, B, …]`, for the evaluations of one solve.
 *
 * Inside tf.grads, tf.variableGrads or optimizer.minimize the result is differentiable in `y0`, in `args`, in the
 * variables and the tensors from outside that `f` reads, and in `ts` where it is a tensor; `gradient` says how. What `f` reads
 * counts with the values that it has now, also in the backward pass. Outside nothing is kept.
 * States may be in doubles where the engine has float64. Then the result is in Float64Tensors, which are on no
 * tape.
 *
 * @throws {ArgumentError} for arguments that make no sense, {RegistryError} for unknown names, {SolveError} if
 * the solve cannot go on. Nothing stays alive then.
 */
export function odeint<const S extends OdeState, A = undefined>(
  f: NoInfer<VectorFieldFunction<S, A> | Model>,
  y0: S,
  ts: Times,
  options: OdeOptions<A> = {},
): LikeState<S> {
  const call = checkCall<S, A>(f, y0, ts, options);
  return call.args.releasedOnError(() => {
    checkStatesAlone(call.saved, call.events, call.method.onFailure);
    return call.structure.unflatten(isTapeOn() ? differentiable(onTape(call)) : plain(call));
  });
}

function plain<S, P extends Part>(call: Call<S, P>): P[] {
  const solved = run(call, forward, { parameters: [] });
  try {
    return solved.trajectories();
  } finally {
    solved.release();
    call.args.release();
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
  const reads = readsOf(call);
  const { parameters, perhaps, isMissed } = dependenciesOf(call, reads);
  const { y0, timesTensor, stops } = call;
  const { jumpsTensor } = stops;
  const inputs = [
    ...y0,
    ...parameters,
    ...perhaps,
    ...(timesTensor ? [timesTensor] : []),
    ...(jumpsTensor ? [jumpsTensor] : []),
  ];
  const forwardPass = (more: readonly Tensor[]): Run<Tensor> =>
    run(call, strategy, { parameters: [...parameters, ...more], reads, isMissed });

  const solved = forwardPass([]);
  try {
    const packed = tidy(() => pack(solved.trajectories()));
    recordOperation('odeint', inputs, packed, (cotangent, isWanted) => {
      const wanted = perhaps.filter(isWanted);
      const again = wanted.length > 0 ? solved.within(() => forwardPass(wanted)) : undefined;
      try {
        const {
          y0: first,
          parameters: rest,
          ts,
          jumpAt,
        } = gradientOf(again ?? solved, cotangent, call, inputs);
        const found = new Map([...parameters, ...wanted].map((x, i) => [x, rest[i]]));
        return [
          ...first,
          ...[...parameters, ...perhaps].map((x) => found.get(x)),
          ...(ts ? [ts] : []),
          ...(jumpAt ? [jumpAt] : []),
        ];
      } finally {
        again?.release();
      }
    });
    whenTapeEnds(() => {
      solved.release();
      call.args.release();
    });
    return unpack(packed, call, solved.leading);
  } catch (error) {
    solved.release();
    throw error;
  }
}

/** What a solve on a tape depends on besides y0 and the times. */
interface Dependencies {
  readonly parameters: readonly Tensor[];
  /**
   * What may be what the gradient is taken for. TensorFlow.js tells in the backward pass alone; then the solve is made once more,
   * with these among its parameters. Constants such as data cost nothing so.
   */
  readonly perhaps: readonly Tensor[];
  readonly isMissed: (x: Tensor) => boolean;
}

function dependenciesOf<S>(call: Call<S, Tensor>, reads: readonly Tensor[]): Dependencies {
  const originOf = tapeOrigins();
  const captured = withArgs(reads, call).filter((x) => !(x instanceof Variable));
  const parameters = [
    ...variablesOf(call, reads),
    ...captured.filter((x) => originOf(x) === 'differentiated'),
  ];
  const perhaps = withArgs(reads, call).filter((x) => !parameters.includes(x) && originOf(x) === 'perhaps');
  return {
    parameters,
    perhaps,
    isMissed: (x) =>
      x instanceof Variable
        ? !call.params && hasDerivative(x)
        : originOf(x) !== 'constant' && !perhaps.includes(x),
  };
}

/** Pulls the cotangent of the packed trajectories back. */
function gradientOf<S>(
  solved: Run<Tensor>,
  cotangent: Tensor,
  call: Call<S, Tensor>,
  inputs: readonly Tensor[],
): RunGradient<Tensor> {
  const again = isDifferentiatedAgain();
  // Of a gradient that is differentiated again it is recorded that it cannot be.
  const given = (x: Tensor): Tensor => (again ? onceDifferentiable(x, [cotangent, ...inputs]) : x);
  try {
    const { y0, parameters, ts, jumpAt } = isolated(() =>
      tidy<never>(() => solved.pullback(unpack(cotangent, call, solved.leading)) as never),
    ) as RunGradient<Tensor>;
    return {
      y0: y0.map(given),
      parameters: parameters.map(given),
      ts: ts && given(ts),
      jumpAt: jumpAt && given(jumpAt),
    };
  } catch (error) {
    if (!again) abandonGradient();
    throw error;
  }
}

/** A gradient that depends on `sources` in a way that is not recorded, and says so when it matters. */
function onceDifferentiable(gradient: Tensor, sources: readonly Tensor[]): Tensor {
  return customGrad(() => ({
    value: clone(gradient),
    gradFunc: () => {
      abandonGradient();
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

function unpack<S>(packed: Tensor, { y0 }: Call<S, Tensor>, leading: Shape): Tensor[] {
  if (y0.length === 1) return [packed];
  let offset = 0;
  return y0.map(({ shape, size }) => {
    const length = sizeOf(leading) * size;
    const part = reshape(slice(packed, [offset], [length]), [...leading, ...shape]);
    offset += length;
    return part;
  });
}
