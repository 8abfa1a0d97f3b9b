import { checkProblem } from './check.ts';
import { describe } from '../arguments/describe.ts';
import { ArgumentError } from '../arguments/errors.ts';
import { createLedger } from '../memory/ledger.ts';
import { createMemory, type Memory } from '../memory/memory.ts';
import type { Gradient, Method, Problem, Solution } from '../types/problem.ts';
import type { State } from '../types/engine.ts';

/** Computes the gradient from the cotangents of the output states. The results are handed over with `escape`. */
export type Pullback<A> = (
  cotangents: readonly (State<A> | undefined)[],
  between: readonly (State<A> | undefined)[],
) => Gradient<A>;

/** Takes the state at an output time. */
export type Output<A> = (index: number, y: State<A>) => void;

/**
 * Runs a strategy's forward pass, `body`, with a memory of its own, and wraps what comes of it. `body` gives
 * the states at the output times to `output` and `between`, and returns the way back. Whatever fails leaves nothing alive.
 */
export function solution<A>(
  problem: Problem<A>,
  method: Method,
  body: (memory: Memory<A>, output: Output<A>, between: Output<A>) => Pullback<A>,
): Solution<A> {
  checkProblem(problem, method);
  const stats = method.ledger ?? createLedger();
  const memory = createMemory(problem.field.engine, stats);
  const [ys, between]: [State<A>[], State<A>[]] = [[], []];
  let released = false;
  const release = (): void => {
    released = true;
    memory.releaseAll();
  };
  const guarded = <T>(phase: 'forward' | 'backward', work: () => T): T => {
    // A solve inside f may share the ledger: the phase that was before comes back.
    const before = stats.phase;
    stats.phase = phase;
    try {
      return work();
    } catch (error) {
      release();
      throw error;
    } finally {
      stats.phase = before;
    }
  };

  const pullback = guarded('forward', () =>
    body(
      memory,
      (index, y) => {
        if (problem.knots?.get(index)?.output ?? true) ys[index] = memory.hold(y);
      },
      (index, y) => {
        between[index] = memory.hold(y);
      },
    ),
  );
  return {
    ys,
    between,
    stats,
    pullback(cotangents, inner = []) {
      if (released)
        throw new ArgumentError('The solution was released, or its last pullback failed; solve again.');
      checkCotangents('cotangents', cotangents, problem.ts.length, problem);
      if (inner.length > 0) checkCotangents('between', inner, problem.between?.length ?? 0, problem);
      return guarded('backward', () => pullback(cotangents, inner));
    },
    release,
  };
}

function checkCotangents<A>(name: string, cotangents: unknown, count: number, { y0 }: Problem<A>): void {
  const wanted = `The pullback takes \`${name}\`, one for each of the ${count} output times (undefined for zero)`;
  if (!Array.isArray(cotangents)) throw new ArgumentError(`${wanted}, not ${describe(cotangents)}.`);
  if (cotangents.length !== count) throw new ArgumentError(`${wanted}, got ${cotangents.length}.`);
  cotangents.forEach((state: unknown, i) => {
    if (state === undefined || (Array.isArray(state) && state.length === y0.length)) return;
    throw new ArgumentError(
      `\`${name}[${i}]\` must be undefined or a list of ${y0.length} arrays, like y0, not ${describe(state)}.`,
    );
  });
}
