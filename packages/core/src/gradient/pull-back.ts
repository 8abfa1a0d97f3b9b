import type { Sweep } from './work.ts';
import { stageEvaluator } from '../stepping/evaluator.ts';
import { wholeAdjoint, wholePullback } from '../stepping/fused-calls.ts';
import { bookTransient, countEvaluations } from '../memory/ledger.ts';
import { instant } from '../solver/span.ts';
import type { Memory } from '../memory/memory.ts';
import type { Steps } from './trajectory.ts';
import type { Cotangents, FusedStep, VectorJacobianProduct } from '../types/field.ts';
import type { Problem } from '../types/problem.ts';
import type { Stage } from '../types/solver.ts';
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
  const { linearization } = stage.linearization
    ? stage
    : stageEvaluator(problem, memory, true).at(instant(stage.t), 0, stage.y, inner);
  const { value, bytes } = linearization!;
  return { ...adopted(memory, linearization!.pullback(cotangent, timeGradients)), value, bytes };
}

/**
 * Pulls ∂ℒ/∂y at the end of whole steps back to their start: through their activations where those were kept, by the
 * engine's adjoint where the states were.
 */
export function pullBackSteps<A>(
  work: Pick<Sweep<A>, 'memory' | 'solver' | 'retention'>,
  fused: FusedStep<A>,
  { spans, ys, linearizations }: Steps<A>,
  cotangent: State<A>,
): Pick<Cotangents<A>, 'y' | 'parameters'> {
  const { memory, solver } = work;
  memory.ledger.pullbacks += solver.stages * spans.length;
  if (linearizations.length > 0)
    return adopted(memory, wholePullback(fused).pullback(linearizations, cotangent));
  const { evaluations, pullBack } = wholeAdjoint(work, fused)!;
  countEvaluations(memory.ledger, evaluations * spans.length);
  const pulled = pullBack(spans, ys, cotangent);
  bookTransient(memory.ledger, pulled.bytes, pulled.stateBytes);
  return adopted(memory, pulled);
}

function adopted<A, T extends { readonly y: State<A>; readonly parameters: State<A> }>(
  memory: Memory<A>,
  pulled: T,
): T {
  memory.adoptState(pulled.y);
  memory.adoptState(pulled.parameters);
  return pulled;
}
