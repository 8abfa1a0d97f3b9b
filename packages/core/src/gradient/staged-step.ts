import { stageEvaluator } from '../stepping/evaluator.ts';
import { createLedger } from '../memory/ledger.ts';
import { createMemory, type Memory } from '../memory/memory.ts';
import { pullBackStage } from './pull-back.ts';
import { runningSum } from '../memory/running-sum.ts';
import { stepByStep, withMemory, type OneStep } from './step-by-step.ts';
import { stateBytes } from '../memory/state.ts';
import type { FieldAtPoints, VectorField } from '../types/field.ts';
import type { SegmentCotangents, StepKernel } from '../types/kernel.ts';
import type { Solver, Stage } from '../types/solver.ts';
import type { Span } from '../types/span.ts';
import type { State } from '../types/engine.ts';

/** The field that steps are made of. */
type StagedField<A> = FieldAtPoints<A> & Pick<VectorField<A>, 'engine' | 'parameters' | 'read'>;

/**
 * Whole steps made of stages: for an engine whose threads each hold a part of the state, and are not to wait for one another
 * in between; and for one that has no better way of pulling back a step whose activations are many.
 *
 * @param solver whose steps can be differentiated
 */
export function stagedKernel<A>(field: StagedField<A>, solver: Solver, longest = 1): StepKernel<A> {
  return stepByStep(field.engine, stagedStep(field, solver), longest, 'stage');
}

/** One such step. */
export function stagedStep<A>(field: StagedField<A>, solver: Solver): OneStep<A> {
  const { engine } = field;
  const problem = { field };
  /** Through the stages of a step, whose activations are there or are made one after the other. */
  const pullBack = (
    memory: Memory<A>,
    stages: readonly Stage<A>[],
    span: Span,
    cotangent: State<A>,
  ): SegmentCotangents<A> => {
    const parameters = runningSum(memory);
    const { y } = solver.adjointStep!({
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
    return { y: memory.escape(y), parameters: memory.escape(parameters.value!) };
  };

  return {
    advance: (span, y) =>
      withMemory(engine, (memory) => {
        const evaluator = stageEvaluator(problem, memory, 'slopes');
        return memory.escape(solver.step(evaluator, span, y, { error: false }).y);
      }),
    linearize(span, y) {
      const memory = createMemory(engine, createLedger());
      const { y: y1, stages } = memory.scope(() => {
        const step = solver.step(stageEvaluator(problem, memory, 'activations'), span, y, { error: false });
        for (const { linearization } of step.stages) memory.holdLinearization(linearization!);
        memory.escape(step.y);
        return step;
      });
      return {
        value: y1,
        bytes: stages.reduce((sum, { linearization }) => sum + linearization!.bytes, 0),
        // What the linearizations keep of the points that they were made at.
        stateBytes: (stages.length - 1) * stateBytes(engine, y),
        pullback: (cotangent) => withMemory(engine, (own) => pullBack(own, stages, span, cotangent)),
        release: memory.releaseAll,
      };
    },
    adjoint: (span, y, cotangent) =>
      withMemory(engine, (memory) => {
        const stages = solver.restage!(stageEvaluator(problem, memory, 'points'), span, y, 'needed');
        const pulled = pullBack(memory, stages, span, cotangent);
        const { activationBytesPeak: bytes, bytesPeak, evaluationsForward: evaluations } = memory.ledger;
        return { ...pulled, evaluations, bytes, stateBytes: bytesPeak - bytes };
      }),
  };
}
