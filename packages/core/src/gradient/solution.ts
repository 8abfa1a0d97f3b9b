import { checkCotangents } from './check-cotangents.ts';
import { checkProblem } from './check.ts';
import { ArgumentError } from '../arguments/errors.ts';
import { createLedger } from '../memory/ledger.ts';
import { createMemory, type Memory } from '../memory/memory.ts';
import { createRecorder, type Recorder } from './recorder.ts';
import type { Gradient, Method, Problem, ReadCotangents, Solution } from '../types/problem.ts';
import { drain } from '../stepping/progress.ts';
import type { State } from '../types/engine.ts';
import type { GradientStrategy } from '../types/plugin.ts';
import type { Steps } from '../types/progress.ts';

/** Computes the gradient from the cotangents of the output states. The results are handed over with `escape`. */
export type Pullback<A> = (
  cotangents: readonly (State<A> | undefined)[],
  read: ReadCotangents<A>,
) => Gradient<A>;

/** The same, step by step. */
type PullbackBySteps<A> = (...cotangents: Parameters<Pullback<A>>) => Steps<A, Gradient<A>>;

/** A strategy's forward pass: has `recorder` told of outputs and accepted steps, and returns the way back. */
type Body<A, T> = (memory: Memory<A>, recorder: Recorder<A>) => T;

type SolveBySteps = <A>(problem: Problem<A>, method: Method) => Steps<A, Solution<A>>;

/** Both ways of a strategy to solve, step by step and in one go. */
export function stepwise(
  solveBySteps: SolveBySteps,
): Required<Pick<GradientStrategy, 'solve' | 'solveBySteps'>> {
  return { solve: (problem, method) => drain(solveBySteps(problem, method)), solveBySteps };
}

/** No pause, and then a result. */
function* inOneGo<A, T>(work: () => T): Steps<A, T> {
  yield* [];
  return work();
}

/** `solutionBySteps` for a strategy that goes in one go, forward and backward. */
export function solution<A>(problem: Problem<A>, method: Method, body: Body<A, Pullback<A>>): Solution<A> {
  const solving = solutionBySteps(problem, method, (...given) =>
    inOneGo(() => {
      const pullback = body(...given);
      return (...cotangents) => inOneGo(() => pullback(...cotangents));
    }),
  );
  const { pullbackBySteps: _, ...solved } = drain(solving);
  return solved;
}

/**
 * Runs a strategy's forward pass, `body`, with a memory of its own, and wraps what comes of it. Whatever fails, or is left
 * half-way, leaves nothing alive.
 */
export function* solutionBySteps<A>(
  problem: Problem<A>,
  method: Method,
  body: Body<A, Steps<A, PullbackBySteps<A>>>,
): Steps<A, Solution<A>> {
  checkProblem(problem, method);
  const stats = method.ledger ?? createLedger();
  const memory = createMemory(problem.field.engine, stats);
  const recorder = createRecorder(problem, method, memory);
  const { recorded } = recorder;
  let released = false;
  /** What is under way, and may be between two of its steps. */
  let current: Steps<A, unknown> | undefined;
  let isRunning = false;
  const release = (): void => {
    released = true;
    // From within a step, it is done when the step has ended.
    if (isRunning) return;
    const left = current;
    current = undefined;
    left?.return(undefined);
    memory.releaseAll();
  };
  const handOver = (): readonly A[] => {
    const { ys, between, rows, ended, failed } = recorded;
    const read = rows.map(({ state }) => state);
    const states = [...ys, ...between, ...read, ended?.y, ended?.rate, failed?.y];
    const given = new Set(states.flatMap((y) => y ?? []));
    for (const x of problem.y0) given.delete(x);
    memory.escape([...given]);
    release();
    return [...given];
  };
  const run = <T>(phase: 'forward' | 'backward', work: () => T): T => {
    // A solve inside f, or between two steps, may share the ledger: the phase that was before comes back.
    const before = stats.phase;
    stats.phase = phase;
    isRunning = true;
    try {
      return work();
    } finally {
      isRunning = false;
      stats.phase = before;
    }
  };
  const guarded = function* <T>(phase: 'forward' | 'backward', begin: () => Steps<A, T>): Steps<A, T> {
    if (current) throw new ArgumentError('A pullback of this solution is under way; wait for its end.');
    let isWhole = false;
    let sent: 'rest' | undefined;
    try {
      const work = (current = begin());
      for (;;) {
        if (released) throw new ArgumentError('The solution was released while its pullback was under way.');
        const next = run(phase, () => work.next(sent));
        isWhole = next.done === true;
        if (next.done) return next.value;
        sent = yield next.value;
      }
    } finally {
      if (isWhole) current = undefined;
      if (!isWhole || released) release();
    }
  };
  const checkAlive = (): void => {
    if (released)
      throw new ArgumentError('The solution was released, or its last pullback failed; solve again.');
  };
  const pullbackBySteps: Solution<A>['pullbackBySteps'] = (cotangents, read = {}) => {
    checkAlive();
    checkCotangents(problem, recorded, cotangents, read);
    return guarded('backward', () => pullback(cotangents, read));
  };
  const reader = (read: ((t: number) => State<A>) | undefined): ((t: number) => State<A>) | undefined =>
    read &&
    ((t) => {
      checkAlive();
      return read(t);
    });

  const isAgain = problem.endsAt !== undefined;
  const pullback = yield* guarded(isAgain ? 'backward' : 'forward', () => body(memory, recorder));
  const [at, rate] = [reader(recorded.at), reader(recorded.rate)];
  return {
    ...recorded,
    ...(at && { at }),
    ...(rate && { rate }),
    stats,
    pullbackBySteps,
    pullback: (cotangents, read) => drain(pullbackBySteps(cotangents, read)),
    release,
    handOver,
  };
}
