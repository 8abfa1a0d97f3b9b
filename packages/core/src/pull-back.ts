import { stageEvaluator } from './evaluator.ts';
import { bookTransient, countEvaluations } from './ledger.ts';
import type { Memory } from './memory.ts';
import type { Steps } from './trajectory.ts';
import type {
  Cotangents,
  FusedStep,
  Linearization,
  Problem,
  Stage,
  State,
  VectorJacobianProduct,
} from './types.ts';

/** Pulls `cotangent` of the slope back at a stage, with the activations that it has or with ones made for this alone. */
export function pullBackStage<A>(
  problem: Problem<A>,
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
    : stageEvaluator(problem, memory, true).at(stage.t, stage.y, inner);
  const { value, bytes } = linearization!;
  return { ...adopted(memory, linearization!.pullback(cotangent, timeGradients)), value, bytes };
}

/** Pulls ∂ℒ/∂y₁ back through a whole step of which the activations were kept. */
export function pullBackLinearized<A>(
  memory: Memory<A>,
  stages: number,
  linearization: Linearization<A>,
  cotangent: State<A>,
): Pick<Cotangents<A>, 'y' | 'parameters'> {
  memory.ledger.pullbacks += stages;
  return adopted(memory, linearization.pullback(cotangent, false));
}

/** Pulls ∂ℒ/∂y at the end of whole steps back to their start, by the fused adjoint. */
export function pullBackSteps<A>(
  fused: FusedStep<A>,
  memory: Memory<A>,
  stages: number,
  { spans, ys }: Steps<A>,
  cotangent: State<A>,
): Pick<Cotangents<A>, 'y' | 'parameters'> {
  memory.ledger.pullbacks += stages * spans.length;
  countEvaluations(memory.ledger, stages * spans.length);
  const pulled =
    spans.length > 1
      ? fused.several!.adjoint!(spans, ys, cotangent)
      : fused.adjoint!(spans[0]!, ys[0]!, cotangent);
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
