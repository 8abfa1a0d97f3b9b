import { checkProblem } from './check.ts';
import { integration } from '../stepping/integrate.ts';
import { createLedger } from '../memory/ledger.ts';
import { createMemory } from '../memory/memory.ts';
import type { Method, Problem } from '../types/problem.ts';
import type { Steps } from '../types/progress.ts';

/**
 * The steps of a problem one by one, without a way back: as many as are asked for where the last time is infinite. Whoever leaves
 * it, or an error, leaves nothing alive. A number of steps is bounded by `maxSteps` alone, if that is given.
 *
 * @throws {ArgumentError} for a problem and settings that make no sense; {SolveError} as `integration`.
 */
export function* stream<A>(problem: Problem<A>, method: Method): Steps<A, void> {
  checkProblem(problem, method, true);
  const memory = createMemory(problem.field.engine, method.ledger ?? createLedger());
  try {
    yield* integration(problem, { maxSteps: Infinity, ...method }, memory, {
      wants: () => 'nothing',
      output: () => undefined,
    });
  } finally {
    memory.releaseAll();
  }
}
