import { calibrated, keepingRatio, wholeStepBytes, type WholeSteps } from './calibrate.ts';
import { fusedStep, stageEvaluator } from './evaluator.ts';
import { footprint } from './footprint.ts';
import type { Memory } from './memory.ts';
import { isFixed } from './pace.ts';
import type { Measurement } from './retention.ts';
import { holdStage, stateBytes } from './state.ts';
import { isFirstSameAsLast } from './tableau.ts';
import type { FusedStep, Method, Problem, Stage } from './types.ts';

/** A measurement, and the stage at the start that it was made on, held: the solve may begin with it. */
export interface Trial<A> extends Measurement {
  readonly first?: Stage<A>;
}

/** Finds out what the steps of a solve hold and cost on its engine, from f at the start of the problem. */
export function measure<A>(problem: Problem<A>, { solver, stepping }: Method, memory: Memory<A>): Trial<A> {
  const { field, y0, ts, timeGradients = false } = problem;
  const { engine } = field;
  const { stages, tableau } = solver;
  const adaptive = !isFixed(stepping);
  const fused = adaptive ? undefined : fusedStep(problem, tableau);
  const whole = fused && isWhole(fused) ? fused : undefined;
  const parameterBytes = field.parameters.map((x) => engine.bytes(x));
  const size = [solver.name, stateBytes(engine, y0), ...parameterBytes];

  // Whole steps do not begin with a slope that is known.
  const first = whole
    ? undefined
    : memory.scope(() => holdStage(memory, stageEvaluator(problem, memory, true).at(ts[0]!, y0)));
  const bytes =
    first?.linearization!.bytes ??
    calibrated(engine, ['bytes', ...size], () => wholeStepBytes(problem, whole!));
  return {
    ...footprint({
      stateBytes: stateBytes(engine, y0),
      parameterBytes,
      activationBytes: bytes,
      stages,
      // A solver without a tableau may take a further stage for its error.
      errorStages: adaptive ? (tableau?.b.length ?? stages + 1) - stages : 0,
      firstSameAsLast: tableau !== undefined && isFirstSameAsLast(tableau),
      adaptive,
      timeGradients,
      outputs: ts.length,
      vjp: field.vjp !== undefined,
      fused: fused && {
        linearize: fused.linearize !== undefined,
        adjoint: fused.adjoint !== undefined,
        bytes: whole ? bytes : stages * bytes,
      },
    }),
    ...(first ? { first } : {}),
    evaluations: fused?.adjoint ? stages : 2 * stages - 1,
    keepingPays: () => calibrated(engine, ['ratio', bytes, ...size], () => keepingRatio(problem, whole)) < 1,
  };
}

function isWhole<A>(fused: FusedStep<A>): fused is WholeSteps<A> {
  return fused.linearize !== undefined && fused.adjoint !== undefined;
}
