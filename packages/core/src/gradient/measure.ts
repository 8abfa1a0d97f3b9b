import { calibrated, keepingRatio, wholeSteps } from './calibrate.ts';
import { stageEvaluator } from '../stepping/evaluator.ts';
import { footprint } from './footprint.ts';
import { kernelOf } from '../stepping/stepper.ts';
import type { Memory } from '../memory/memory.ts';
import { isFixed } from '../stepping/pace.ts';
import type { Measurement } from './retention.ts';
import { holdStage, stateBytes } from '../memory/state.ts';
import { instant } from '../solver/span.ts';
import { isFirstSameAsLast } from '../solver/tableau.ts';
import type { Method, Problem } from '../types/problem.ts';
import type { Stage } from '../types/solver.ts';

/** A measurement, and the stage at the start that it was made on, held: the solve may begin with it. */
export interface Trial<A> extends Measurement {
  readonly first?: Stage<A>;
}

/** As far as it is known to go. */
function timesUpTo<A>({ ts, endsAt }: Problem<A>, times: readonly number[]): readonly number[] {
  const sign = Math.sign(ts.at(-1)! - ts[0]!);
  return endsAt === undefined ? times : times.filter((t) => sign * (endsAt - t) >= 0);
}

/** Finds out what the steps of a solve hold and cost on its engine, from f at the start of the problem. */
export function measure<A>(problem: Problem<A>, { solver, stepping }: Method, memory: Memory<A>): Trial<A> {
  const { field, y0, rows, timeGradients = false } = problem;
  const ts = timesUpTo(problem, problem.ts);
  const between = timesUpTo(problem, problem.between ?? []);
  const { engine } = field;
  const { stages, tableau } = solver;
  const adaptive = !isFixed(stepping);
  const kernel = kernelOf(problem, solver);
  const parameterBytes = field.parameters.map((x) => engine.bytes(x));
  const about = [solver.name, adaptive, stateBytes(engine, y0), ...parameterBytes];
  const whole = kernel && calibrated(engine, ['whole', ...about], () => wholeSteps(problem, kernel));

  // Nothing goes stage by stage, and nothing begins with a slope, where whole steps do everything.
  const first =
    whole?.alive === 'step' && !adaptive
      ? undefined
      : memory.scope(() => {
          const evaluator = stageEvaluator(problem, memory, 'activations');
          return holdStage(memory, evaluator.at(instant(problem.ts[0]!), 0, y0));
        });
  const activationBytes = first ? first.linearization!.bytes : whole!.linearization;
  return {
    ...footprint({
      stateBytes: stateBytes(engine, y0),
      parameterBytes,
      activationBytes,
      stages,
      // A solver without a tableau may take a further stage for its error.
      errorStages: adaptive ? (tableau?.b.length ?? stages + 1) - stages : 0,
      firstSameAsLast: tableau !== undefined && isFirstSameAsLast(tableau),
      adaptive,
      timeGradients,
      // A repeated time has the state of the one before.
      outputs: new Set(ts).size,
      between: rows ? rows.times.length / rows.count : between.length,
      rows: rows !== undefined,
      observed: problem.ending !== undefined,
      bumps: solver.interpolant?.bumps.length ?? 0,
      vjp: field.vjp !== undefined,
      whole,
    }),
    ...(first ? { first } : {}),
    evaluations: kernel?.alive === 'step' ? stages : 2 * stages - 1,
    keepingPays: () =>
      calibrated(engine, ['ratio', activationBytes, ...about], () =>
        keepingRatio(problem, { stages, adaptive, kernel }),
      ) < 1,
  };
}
