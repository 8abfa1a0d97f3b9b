import { stageEvaluator } from './evaluator.ts';
import { bookTransient, countEvaluations } from './ledger.ts';
import type { Memory } from './memory.ts';
import type {
  Cotangents,
  FusedStep,
  Linearization,
  Problem,
  Span,
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
): VectorJacobianProduct<A> {
  const { field, timeGradients = false } = problem;
  const { ledger } = memory;
  ledger.pullbacks += 1;
  if (!stage.linearization && field.vjp) {
    const result = field.vjp(stage.t, stage.y, cotangent, timeGradients);
    countEvaluations(ledger, 1);
    bookTransient(ledger, result.bytes);
    memory.adoptState(result.value);
    return adopted(memory, result);
  }
  const { linearization } = stage.linearization
    ? stage
    : stageEvaluator(problem, memory, true).at(stage.t, stage.y);
  const { value, bytes } = linearization!;
  return { ...adopted(memory, linearization!.pullback(cotangent, timeGradients)), value, bytes };
}

/** A step that an engine pulls back in one call. */
export interface WholeStep<A> {
  readonly span: Span;
  readonly y: State<A>;
  /** The step's activations, where they were kept. */
  readonly linearization: Linearization<A> | undefined;
  /** ∂ℒ/∂y₁. */
  readonly cotangent: State<A>;
}

/** Pulls ∂ℒ/∂y₁ back through a whole step, with the activations that were kept or by its fused adjoint. */
export function pullBackStep<A>(
  fused: FusedStep<A>,
  memory: Memory<A>,
  stages: number,
  { span, y, linearization, cotangent }: WholeStep<A>,
): Pick<Cotangents<A>, 'y' | 'parameters'> {
  memory.ledger.pullbacks += stages;
  if (linearization) return adopted(memory, linearization.pullback(cotangent, false));
  countEvaluations(memory.ledger, stages);
  const pulled = fused.adjoint!(span, y, cotangent);
  bookTransient(memory.ledger, pulled.bytes);
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
