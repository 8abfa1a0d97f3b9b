import { stageEvaluator } from './evaluator.ts';
import { countEvaluations } from '../memory/ledger.ts';
import type { Memory } from '../memory/memory.ts';
import type { SegmentLinearization, StepKernel } from '../types/kernel.ts';
import type { Problem } from '../types/problem.ts';
import type { Solver, Stage, StageEvaluator, Step } from '../types/solver.ts';
import type { Span } from '../types/span.ts';
import type { State } from '../types/engine.ts';

/** What a step is to leave behind besides its result. */
export type Wanted = 'nothing' | 'stages' | 'activations';

/** The activations of steps that were taken in one call. */
export interface KeptSegment<A> {
  readonly linearization: SegmentLinearization<A>;
  /** How many. */
  readonly steps: number;
}

/** A step as it was taken: with its stages or, in one call of the engine, without. */
export interface TakenStep<A> extends Step<A> {
  /** Where it is the last of a call that kept activations. */
  readonly segment?: KeptSegment<A>;
}

/** Takes steps: in calls of the engine where it has them for the solver, and else stage by stage. */
export interface Stepper<A> {
  /** The most steps that one call takes. */
  longest(wanted: Wanted): number;
  /** Steps of given size, one after the other from `y`. `first` is the stage at their start, where it is known. */
  advance(
    spans: readonly Span[],
    y: State<A>,
    wanted: Wanted,
    first?: Stage<A>,
    read?: boolean,
  ): readonly TakenStep<A>[];
  /** A step with its error estimate. States within a step that is `read` are read off its slopes. */
  attempt(span: Span, y: State<A>, wanted: Wanted, first?: Stage<A>, read?: boolean): TakenStep<A>;
  /** Evaluates a stage by itself. */
  evaluator(wanted: Wanted): StageEvaluator<A>;
}

/** The engine's steps, where it has them and they serve: they give no slopes, and so no time gradients. */
export function kernelOf<A>(
  { field, timeGradients }: Pick<Problem<A>, 'field' | 'timeGradients'>,
  solver: Solver,
): StepKernel<A> | undefined {
  return timeGradients ? undefined : field.compile?.(solver);
}

export function createStepper<A>(problem: Problem<A>, solver: Solver, memory: Memory<A>): Stepper<A> {
  const kernel = kernelOf(problem, solver);
  const plain = stageEvaluator(problem, memory, 'slopes');
  const taping = stageEvaluator(problem, memory, 'activations');
  const evaluator = (wanted: Wanted): StageEvaluator<A> => (wanted === 'activations' ? taping : plain);
  return {
    evaluator,
    longest: (wanted) => (kernel && wanted !== 'stages' ? kernel.longest : 1),
    advance(spans, y, wanted, first, read = false) {
      if (!kernel || wanted === 'stages' || read)
        return [solver.step(evaluator(wanted), spans[0]!, y, { first, error: false, read })];
      countEvaluations(memory.ledger, solver.stages * spans.length);
      const keep = wanted === 'activations' ? 'activations' : 'states';
      const { states, linearization } = kernel.advance(spans, y, keep);
      states.forEach(memory.adoptState);
      if (!linearization) return states.map((end) => ({ y: end, stages: [] }));
      const segment = { linearization: memory.adoptLinearization(linearization), steps: states.length };
      return states.map((end, i) => ({
        y: end,
        stages: [],
        ...(i === states.length - 1 ? { segment } : {}),
      }));
    },
    attempt(span, y, wanted, known, read = false) {
      if (wanted !== 'nothing' || !kernel?.attempt || read)
        return solver.step(evaluator(wanted), span, y, { first: known, error: true, read });
      const first = known ?? plain.at(span, 0, y);
      const { y: y1, error, last, evaluations } = kernel.attempt(span, y, first.slope!);
      countEvaluations(memory.ledger, evaluations);
      for (const made of [y1, error, last ?? []]) memory.adoptState(made);
      const end = last && { last: { t: span.t1, y: y1, slope: last } };
      return { y: y1, stages: [first], error, ...end };
    },
  };
}
