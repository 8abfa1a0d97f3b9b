import { valueThat } from '@odegrad/core';
import { checkCall, type Times } from './arguments.ts';
import type { SolveOptions } from './options.ts';
import type { Part } from './parts.ts';
import { RULES } from './resolve-options.ts';
import { solving, type OdeSolution } from './solve.ts';
import type { Model, OdeState, VectorFieldFunction } from './state.ts';
import { EVERY, unhurried } from './turns.ts';

/** How a problem is solved that lets other things go on. */
export interface AsyncOdeOptions<S, A = undefined> extends SolveOptions<S, A> {
  /** Milliseconds from one pause to the next, at the end of a step; 0 pauses at every step. Default 10. */
  readonly every?: number | undefined;
}

const milliseconds = valueThat(
  'a number of milliseconds ≥ 0',
  (value) => typeof value === 'number' && value >= 0,
);

const ACCEPTED = { of: 'solveAsync', rules: { ...RULES, every: milliseconds } };

/**
 * Solves dy/dt = f(t, y, args), y(ts[0]) = y0, to the solution of `solve`, and pauses between steps, so that timers, clicks and
 * frames have their turn, and other solves theirs: `AbortSignal.timeout(…)` as `signal` ends it. Its own `pullbackAsync` pauses as
 * often. What f reads has the values that it has when `solveAsync` is called; y0 and all that may be assigned or disposed of at once.
 * A gradient strategy that cannot pause (one without `solveBySteps`) goes in one go.
 *
 * @returns A promise that rejects with an {ArgumentError} for arguments that make no sense, a {RegistryError} for unknown names, and a
 * {SolveError} if the solve cannot go on, `aborted` where `signal` ended it. Nothing stays alive then.
 */
export async function solveAsync<const S extends OdeState, A = undefined>(
  f: NoInfer<VectorFieldFunction<S, A> | Model>,
  y0: S,
  ts: Times,
  options: AsyncOdeOptions<S, A> = {},
): Promise<OdeSolution<S, A>> {
  const call = checkCall<S, A>(f, y0, ts, options, ACCEPTED);
  const every = options.every ?? EVERY;
  try {
    return await unhurried(solving<S, A, Part>(call, every), every);
  } catch (error) {
    call.args.release();
    throw error;
  }
}
