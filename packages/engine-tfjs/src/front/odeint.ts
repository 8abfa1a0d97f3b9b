import { forward } from '@odegrad/core';
import { checkCall, type Call, type Times } from './arguments.ts';
import { differentiable, onTape, type Readout } from './on-tape.ts';
import type { OdeOptions } from './options.ts';
import type { Part } from './parts.ts';
import { run } from './run.ts';
import { checkStatesAlone } from './saved.ts';
import type { LikeState, Model, OdeState, VectorFieldFunction } from './state.ts';
import { isTapeOn } from '../tape/tape.ts';

const trajectories: Readout = {
  results: (solved) => solved.trajectories(),
  cotangents: (parts) => [parts],
};

const WITHOUT =
  'second derivatives through a solve take the option `tangents`, that of @odegrad/tangents, which package odegrad has by itself; ' +
  'hessianVector there needs no tape. (A tf.grad inside f is fine.)';

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
    if (!isTapeOn()) return call.structure.unflatten(plain(call));
    const { tangents } = options;
    const again = { ...options, args: call.args.value };
    return call.structure.unflatten(
      differentiable(
        onTape(call),
        trajectories,
        tangents ? (along) => tangents(f, y0, ts, again, along) : WITHOUT,
      ),
    );
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
