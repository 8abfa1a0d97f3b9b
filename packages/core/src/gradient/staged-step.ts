import { stageEvaluator } from '../stepping/evaluator.ts';
import { createLedger } from '../memory/ledger.ts';
import { createMemory, type Memory } from '../memory/memory.ts';
import { pullBackStage } from './pull-back.ts';
import { runningSum } from '../memory/running-sum.ts';
import { rungeKutta } from '../solver/runge-kutta.ts';
import { stateBytes } from '../memory/state.ts';
import type { ButcherTableau } from '../types/tableau.ts';
import type { Cotangents, FusedStep, VectorField } from '../types/field.ts';
import type { Span } from '../types/span.ts';
import type { Stage } from '../types/solver.ts';
import type { State } from '../types/engine.ts';

/** A whole step made of stages. */
export type StagedStep<A> = Pick<FusedStep<A>, 'advance'> &
  Required<Pick<FusedStep<A>, 'linearize'>> & {
    /** What `FusedSteps.stagedAdjoint` does, of one step. */
    readonly adjoint: NonNullable<FusedStep<A>['adjoint']>;
  };

/**
 * The steps of a tableau as whole ones, made of stages: for an engine whose threads each hold a part of the state, and are
 * not to wait for one another in between.
 */
export function stagedStep<A>(field: VectorField<A>, tableau: ButcherTableau): StagedStep<A> {
  const { engine } = field;
  const solver = rungeKutta(tableau);
  const problem = { field };
  /** Through the stages of a step, whose activations are there or are made one after the other. */
  const pullBack = (
    memory: Memory<A>,
    stages: readonly Stage<A>[],
    span: Span,
    cotangent: State<A>,
  ): Cotangents<A> => {
    const parameters = runningSum(memory);
    const { y } = solver.adjointStep({
      engine: memory.engine,
      span,
      cotangent,
      pullback: (index, slopeCotangent, inner) =>
        memory.scope(() => {
          const pulled = pullBackStage(problem, memory, stages[index]!, slopeCotangent, inner);
          parameters.add(pulled.parameters);
          return { y: memory.hold(pulled.y), t: 0 };
        }),
      withTime: false,
    });
    return { t: 0, y: memory.escape(y), parameters: memory.escape(parameters.value!) };
  };

  return {
    advance: (span, y) =>
      withMemory(field, (memory) => {
        const evaluator = stageEvaluator(problem, memory, false);
        return memory.escape(solver.step(evaluator, span, y, { error: false, stages: true }).y);
      }),
    linearize(span, y) {
      const memory = createMemory(engine, createLedger());
      const { y: y1, stages } = memory.scope(() => {
        const evaluator = stageEvaluator(problem, memory, true);
        const step = solver.step(evaluator, span, y, { error: false, stages: true });
        for (const { linearization } of step.stages) memory.holdLinearization(linearization!);
        memory.escape(step.y);
        return step;
      });
      return {
        value: y1,
        bytes: stages.reduce((sum, { linearization }) => sum + linearization!.bytes, 0),
        // What the linearizations keep of the points that they were made at.
        stateBytes: (stages.length - 1) * stateBytes(engine, y),
        pullback: (cotangent) => withMemory(field, (own) => pullBack(own, stages, span, cotangent)),
        release() {
          memory.releaseAll();
        },
      };
    },
    adjoint: (span, y, cotangent) =>
      withMemory(field, (memory) => {
        const evaluator = stageEvaluator(problem, memory, false, undefined, true);
        const stages = solver.restage(evaluator, span, y, 'needed');
        const pulled = pullBack(memory, stages, span, cotangent);
        const { activationBytesPeak: bytes, bytesPeak } = memory.ledger;
        return { ...pulled, bytes, stateBytes: bytesPeak - bytes };
      }),
  };
}

/** Lets everything go that `body` made and does not hand over, also where it throws. */
function withMemory<A, T>({ engine }: VectorField<A>, body: (memory: Memory<A>) => T): T {
  const memory = createMemory(engine, createLedger());
  try {
    return memory.scope(() => body(memory));
  } finally {
    memory.releaseAll();
  }
}
