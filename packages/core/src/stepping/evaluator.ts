import { fusedStep, wholeAdvance, wholeLinearize, type WholeAdvance } from './fused-calls.ts';
import { countEvaluations } from '../memory/ledger.ts';
import type { Memory } from '../memory/memory.ts';
import { stageTime } from '../solver/span.ts';
import { dropStage, holdStage } from '../memory/state.ts';
import type { FusedStep } from '../types/field.ts';
import type { Problem } from '../types/problem.ts';
import type { Span } from '../types/span.ts';
import type { StageEvaluator, Step } from '../types/solver.ts';
import type { State } from '../types/engine.ts';

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
  problem: Pick<Problem<A>, 'field' | 'timeGradients'>,
  memory: Memory<A>,
  activations: boolean,
  upcoming: Upcoming = () => [],
  pointsOnly = false,
): StageEvaluator<A> {
  const { field } = problem;
  const ready: WholeStep<A>[] = [];
  let latest: State<A> | undefined;
  const wholeWay = (fused: FusedStep<A>): WholeAdvance<A, WholeStep<A>> | undefined => {
    if (!activations) return adopting(wholeAdvance(fused), (state) => ({ y: memory.adoptState(state) }));
    const way = wholeLinearize(fused);
    return (
      way &&
      adopting(way, (linearization) => ({
        y: memory.adoptLinearization(linearization).value,
        linearization,
      }))
    );
  };
  const nextStep = (
    { longest, advance }: WholeAdvance<A, WholeStep<A>>,
    stages: number,
    span: Span,
    y: State<A>,
  ): WholeStep<A> => {
    // Whoever goes on from elsewhere has no use for them.
    if (y !== latest) {
      for (const step of ready.splice(0)) dropStage(memory, step);
    }
    if (ready.length === 0) {
      const spans = [span, ...upcoming(longest - 1)];
      countEvaluations(memory.ledger, stages * spans.length);
      for (const step of advance(spans, y)) ready.push(holdStage(memory, step));
    }
    const step = ready.shift()!;
    memory.lend(step.y);
    if (step.linearization) memory.lendLinearization(step.linearization);
    latest = step.y;
    return step;
  };
  return {
    engine: memory.engine,
    at(span, node, y, inner = false) {
      const t = stageTime(span, node);
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
      const way = fused && wholeWay(fused);
      return way && { ...nextStep(way, stages, span, y), stages: [] };
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

function adopting<A, Made, Adopted>(
  { longest, advance }: WholeAdvance<A, Made>,
  adopt: (made: Made) => Adopted,
): WholeAdvance<A, Adopted> {
  return { longest, advance: (spans, y) => advance(spans, y).map(adopt) };
}
