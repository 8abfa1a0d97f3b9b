import { countEvaluations } from './ledger.ts';
import type { Memory } from './memory.ts';
import { dropStage, holdStage } from './state.ts';
import type { FusedStep, Problem, Solver, Span, StageEvaluator, State, Step } from './types.ts';

/**
 * The engine's whole steps, where it has them and they serve: they give no slopes, and so no time gradients.
 */
export function fusedStep<A>(
  { field, timeGradients }: Problem<A>,
  tableau: Solver['tableau'],
): FusedStep<A> | undefined {
  return tableau && !timeGradients ? field.fuse?.(tableau) : undefined;
}

/** The spans that follow the one being stepped over, up to so many, where their steps may be taken with it. */
export type Upcoming = (limit: number) => readonly Span[];

/** What an engine gives of a step that it takes as a whole. */
type WholeStep<A> = Pick<Step<A>, 'y' | 'linearization'>;

/**
 * Evaluates stages of the problem's field, with their activations kept where asked for; counts each evaluation.
 * An engine that takes whole steps takes those of `upcoming` along, and has them ready when they are asked for.
 * With `pointsOnly`, nothing but points for f is made of the slopes.
 */
export function stageEvaluator<A>(
  problem: Problem<A>,
  memory: Memory<A>,
  activations: boolean,
  upcoming: Upcoming = () => [],
  pointsOnly = false,
): StageEvaluator<A> {
  const { field } = problem;
  const ready: WholeStep<A>[] = [];
  let latest: State<A> | undefined;
  const advance = (fused: FusedStep<A>, spans: readonly Span[], y: State<A>): readonly WholeStep<A>[] => {
    if (!activations) {
      const states = spans.length > 1 ? fused.several!.advance(spans, y) : [fused.advance(spans[0]!, y)];
      return states.map((state) => ({ y: memory.adoptState(state) }));
    }
    const made = spans.length > 1 ? fused.several!.linearize!(spans, y) : [fused.linearize!(spans[0]!, y)];
    return made.map((linearization) => ({
      y: memory.adoptLinearization(linearization).value,
      linearization,
    }));
  };
  const nextStep = (fused: FusedStep<A>, stages: number, span: Span, y: State<A>): WholeStep<A> => {
    // Whoever goes on from elsewhere has no use for them.
    if (y !== latest) {
      for (const step of ready.splice(0)) dropStage(memory, step);
    }
    if (ready.length === 0) {
      const { several } = fused;
      const longest = several && (!activations || several.linearize) ? several.longest : 1;
      const spans = [span, ...upcoming(longest - 1)];
      countEvaluations(memory.ledger, stages * spans.length);
      for (const step of advance(fused, spans, y)) ready.push(holdStage(memory, step));
    }
    const step = ready.shift()!;
    memory.lend(step.y);
    if (step.linearization) memory.lendLinearization(step.linearization);
    latest = step.y;
    return step;
  };
  return {
    engine: memory.engine,
    at(t, y, inner = false) {
      countEvaluations(memory.ledger, 1);
      const { read = field } = field;
      if (!activations) {
        const slope = memory.adoptState((inner || pointsOnly ? read : field).evaluate(t, y));
        return { t, y, slope };
      }
      const linearization = memory.adoptLinearization((inner ? read : field).linearize(t, y));
      return { t, y, slope: linearization.value, linearization };
    },
    fused(tableau, stages, span, y) {
      const fused = fusedStep(problem, tableau);
      if (!fused || (activations && !fused.linearize)) return undefined;
      return { ...nextStep(fused, stages, span, y), stages: [] };
    },
    attempt(tableau, span, first) {
      const fused = activations ? undefined : fusedStep(problem, tableau);
      if (!fused?.attempt) return undefined;
      countEvaluations(memory.ledger, tableau.b.length - 1);
      const { y, error, last } = fused.attempt(span, first.y, first.slope!);
      for (const made of [y, error, last ?? []]) memory.adoptState(made);
      return { y, stages: [first], error, ...(last ? { last: { t: span.t1, y, slope: last } } : {}) };
    },
  };
}
