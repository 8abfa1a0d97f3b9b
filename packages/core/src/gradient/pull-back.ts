import type { Sweep } from './work.ts';
import { pullBackToState, stageEvaluator } from '../stepping/evaluator.ts';
import { dropStage, holdStage } from '../memory/state.ts';
import { bookTransient, countEvaluations } from '../memory/ledger.ts';
import { instant } from '../solver/span.ts';
import type { Memory } from '../memory/memory.ts';
import type { Steps } from './trajectory.ts';
import type { VectorJacobianProduct } from '../types/points.ts';
import type { SegmentCotangents, SegmentLinearization } from '../types/kernel.ts';
import type { Problem } from '../types/problem.ts';
import type { AdjointTrials, Stage } from '../types/solver.ts';
import type { State } from '../types/engine.ts';

/** Pulls `cotangent` of the slope back at a stage, with the activations that it has or with ones made for this alone. */
export function pullBackStage<A>(
  problem: Pick<Problem<A>, 'field' | 'timeGradients'>,
  memory: Memory<A>,
  stage: Stage<A>,
  cotangent: State<A>,
  inner = false,
): VectorJacobianProduct<A> {
  const { timeGradients = false } = problem;
  const { ledger } = memory;
  const field = (inner && problem.field.read) || problem.field;
  ledger.pullbacks += 1;
  if (!stage.linearization && field.vjp) {
    const result = field.vjp(stage.t, stage.y, cotangent, timeGradients);
    countEvaluations(ledger, 1);
    bookTransient(ledger, result.bytes);
    if (result.value) memory.adoptState(result.value);
    return adopted(memory, result);
  }
  const { linearization, slope } = stage.linearization
    ? stage
    : stageEvaluator(problem, memory, 'activations').at(instant(stage.t), 0, stage.y, inner);
  // The slope that a method found for itself is its own.
  const { bytes } = linearization!;
  const value = slope ?? linearization!.value;
  return { ...adopted(memory, linearization!.pullback(cotangent, timeGradients)), value, bytes };
}

/** The stages of a step, where f may be pulled back more than once. */
export interface OpenStages<A> extends AdjointTrials<A> {
  /** The stage, with the activations that it has by now. */
  at(index: number): Stage<A>;
  close(index: number): void;
}

export function openStages<A>(
  problem: Pick<Problem<A>, 'field'>,
  memory: Memory<A>,
  stages: readonly Stage<A>[],
): OpenStages<A> {
  const opened = new Map<number, Stage<A>>();
  const open = (index: number): Stage<A> => {
    const { t, y, linearization } = stages[index]!;
    if (linearization) return stages[index]!;
    return memory.scope(() => {
      const evaluator = stageEvaluator(problem, memory, 'activations');
      const stage = holdStage(memory, evaluator.at(instant(t), 0, y));
      opened.set(index, stage);
      return stage;
    });
  };
  const at = (index: number): Stage<A> => opened.get(index) ?? stages[index]!;
  return {
    at,
    // The activations of the stage stay until it is closed.
    transpose: (index, cotangent) =>
      pullBackToState(memory, (opened.get(index) ?? open(index)).linearization!, cotangent),
    transient(bytes) {
      bookTransient(memory.ledger, 0, bytes);
    },
    close(index) {
      const stage = opened.get(index);
      if (stage) dropStage(memory, stage);
      opened.delete(index);
    },
  };
}

/** Pulls cotangents at the ends of steps back through their activations, which the engine kept. */
export function pullBackSegment<A>(
  { memory, solver }: Pick<Sweep<A>, 'memory' | 'solver'>,
  linearization: SegmentLinearization<A>,
  cotangents: readonly (State<A> | undefined)[],
): SegmentCotangents<A> {
  memory.ledger.pullbacks += solver.stages * cotangents.length;
  return adopted(memory, linearization.pullback(cotangents));
}

/** Pulls ∂ℒ/∂y at the end of steps back to their start, by the engine from the states that they start from. */
export function pullBackSteps<A>(
  { memory, solver, kernel }: Pick<Sweep<A>, 'memory' | 'solver' | 'kernel'>,
  { spans, ys }: Steps<A>,
  cotangent: State<A>,
): SegmentCotangents<A> {
  const { ledger } = memory;
  ledger.pullbacks += solver.stages * spans.length;
  const pulled = kernel!.adjoint(spans, ys, cotangent);
  countEvaluations(ledger, pulled.evaluations);
  bookTransient(ledger, pulled.bytes, pulled.stateBytes);
  return adopted(memory, pulled);
}

function adopted<A, T extends SegmentCotangents<A>>(memory: Memory<A>, pulled: T): T {
  memory.adoptState(pulled.y);
  memory.adoptState(pulled.parameters);
  return pulled;
}
