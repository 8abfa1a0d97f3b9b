import { SolveError } from './errors.ts';
import { stageEvaluator } from './evaluator.ts';
import { bookTransient, countEvaluations } from './ledger.ts';
import type { Memory } from './memory.ts';
import type { Retention } from './retention.ts';
import { combineStates } from './state.ts';
import { includes, type Trajectory } from './trajectory.ts';
import type {
  Gradient,
  Method,
  Problem,
  Solver,
  Stage,
  StageCotangents,
  State,
  VectorField,
  VectorJacobianProduct,
} from './types.ts';

/** A solver whose steps can be differentiated. */
export type DifferentiableSolver = Solver & Required<Pick<Solver, 'restage' | 'adjointStep'>>;

/** Whether the steps of a solver can be differentiated. */
export function isDifferentiable(solver: Solver): solver is DifferentiableSolver {
  return 'restage' in solver && 'adjointStep' in solver;
}

/** What the backward loop works on. */
export interface Sweep<A> {
  readonly problem: Problem<A>;
  readonly method: Method;
  readonly solver: DifferentiableSolver;
  readonly memory: Memory<A>;
  readonly trajectory: Trajectory<A>;
  readonly retention: Retention;
}

/**
 * The backward recursion over all steps: the only one. Where the schedule has kept too little of a step, the
 * steps from the nearest kept state are made again, keeping what the schedule says. The caller owns the result.
 */
export function sweep<A>(work: Sweep<A>, cotangents: readonly (State<A> | undefined)[]): Gradient<A> {
  const { problem, method, solver, memory, trajectory, retention } = work;
  const { field, y0, ts, timeGradients = false } = problem;
  const { engine } = memory;
  const plus = (x: State<A> | undefined, y: State<A> | undefined): State<A> | undefined =>
    x && y ? combineStates(engine, x, [{ coefficient: 1, value: y }]) : (x ?? y);

  const baseline = Array.from({ length: trajectory.length }, (_, n) => trajectory.level(n));
  const tsBar = ts.map(() => 0);
  let lambda: State<A> | undefined;
  let parameters: State<A> | undefined;
  const replace = (old: State<A> | undefined, next: State<A>): State<A> => {
    memory.hold(next);
    if (old) memory.drop(old);
    return next;
  };

  const pullbackAt = (stage: Stage<A>, cotangent: State<A>): StageCotangents<A> =>
    memory.scope(() => {
      const pulled = pullBack(field, memory, stage, cotangent, timeGradients);
      memory.hold(pulled.y);
      // A function without parameters has nothing to add up.
      if (pulled.parameters.length > 0)
        parameters = replace(parameters, plus(parameters, pulled.parameters)!);
      return { y: pulled.y, t: pulled.t, ...(timeGradients ? { slope: memory.hold(pulled.value) } : {}) };
    });

  const back = (n: number): void => {
    memory.scope(() => {
      const { span, interval, lands, moves } = trajectory.entry(n);
      const h = span.t1 - span.t0;
      if (method.signal?.aborted) {
        throw new SolveError('aborted', 'The backward pass was aborted', {
          t: span.t1,
          h,
          steps: trajectory.length - n - 1,
        });
      }
      const injected = lands ? cotangents[interval + 1] : undefined;
      if (injected) lambda = replace(lambda, plus(lambda, injected)!);
      if (!lambda) return;
      const fused =
        timeGradients || trajectory.level(n) !== 'state' || !solver.tableau
          ? undefined
          : field.fuse?.(solver.tableau);
      if (fused && retention.restore(n, n, trajectory)(n) === 'stages') {
        const pulled = fused.adjoint(span, trajectory.entry(n).y!, lambda);
        countEvaluations(memory.ledger, solver.stages);
        memory.ledger.pullbacks += solver.stages;
        bookTransient(memory.ledger, pulled.bytes);
        memory.adoptState(pulled.parameters);
        lambda = replace(lambda, memory.adoptState(pulled.y));
        if (pulled.parameters.length > 0)
          parameters = replace(parameters, plus(parameters, pulled.parameters)!);
      } else {
        if (!includes(trajectory.level(n), 'stages')) restore(work, n);
        const stages = trajectory.entry(n).stages!;
        const pulled: StageCotangents<A>[] = [];
        const step = solver.adjointStep(
          engine,
          span,
          lambda,
          (index, cotangent) => {
            const result = pullbackAt(stages[index]!, cotangent);
            pulled.push(result);
            return result;
          },
          timeGradients,
        );
        lambda = replace(lambda, step.y);
        for (const { y, slope } of pulled) {
          memory.drop(y);
          if (slope) memory.drop(slope);
        }
        // The ends of a step move with the ends of its interval (`Proposal.moves`).
        tsBar[interval]! += step.t0 * (1 - moves[0]) + step.t1 * (1 - moves[1]);
        tsBar[interval + 1]! += step.t0 * moves[0] + step.t1 * moves[1];
      }
      trajectory.demote(n, retention.consumes ? (n === 0 ? 'state' : 'nothing') : baseline[n]!);
      method.onStep?.({ phase: 'backward', t: span.t0, h, steps: trajectory.length - n });
    });
  };

  return memory.scope(() => {
    for (let n = trajectory.length - 1; n >= 0; n--) back(n);
    const zeros = (like: State<A>): State<A> => like.map((x) => engine.zeros(x));
    const direct = cotangents[0];
    const y0Bar = direct
      ? combineStates(engine, direct, [{ coefficient: 1, value: lambda ?? zeros(y0) }])
      : (lambda ?? zeros(y0));
    if (lambda && y0Bar !== lambda) memory.drop(lambda);
    return {
      y0: memory.escape(y0Bar),
      parameters: memory.escape(parameters ?? zeros(field.parameters)),
      ts: tsBar,
    };
  });
}

/** Pulls `cotangent` back at a stage with the activations that it has, or with ones made for this alone. */
function pullBack<A>(
  field: VectorField<A>,
  memory: Memory<A>,
  stage: Stage<A>,
  cotangent: State<A>,
  withTime: boolean,
): VectorJacobianProduct<A> {
  const { ledger } = memory;
  ledger.pullbacks += 1;
  if (!stage.linearization && field.vjp) {
    const result = field.vjp(stage.t, stage.y, cotangent, withTime);
    countEvaluations(ledger, 1);
    bookTransient(ledger, result.bytes);
    for (const state of [result.value, result.y, result.parameters]) memory.adoptState(state);
    return result;
  }
  const { linearization } = stage.linearization
    ? stage
    : stageEvaluator(field, memory, true).at(stage.t, stage.y);
  const { value, bytes } = linearization!;
  const pulled = linearization!.pullback(cotangent, withTime);
  memory.adoptState(pulled.y);
  memory.adoptState(pulled.parameters);
  return { ...pulled, value, bytes };
}

/** Brings step `last` to a level at which it can be differentiated, from the nearest kept state. */
function restore<A>({ problem, solver, memory, trajectory, retention }: Sweep<A>, last: number): void {
  const from = trajectory.nearest(last);
  const plan = retention.restore(from, last, trajectory);
  let y = trajectory.entry(from).y!;
  for (let n = from; n <= last; n++) {
    const level = plan(n);
    const { span } = trajectory.entry(n);
    const evaluator = stageEvaluator(problem.field, memory, level === 'activations');
    const next = memory.scope(() => {
      if (n === last) {
        trajectory.promote(
          n,
          level,
          y,
          solver.restage(evaluator, span, y, level === 'activations' ? 'all' : 'needed'),
        );
        return undefined;
      }
      const step = solver.step(evaluator, span, y, { error: false, stages: includes(level, 'stages') });
      memory.ledger.extraSteps += 1;
      if (includes(level, 'state')) trajectory.promote(n, level, y, step.stages);
      return memory.hold(step.y);
    });
    if (n > from) memory.drop(y);
    if (next) y = next;
  }
}
