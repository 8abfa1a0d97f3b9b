import { createLedger } from '../memory/ledger.ts';
import { createMemory, type Memory } from '../memory/memory.ts';
import { runningSum } from '../memory/running-sum.ts';
import { combineStates } from '../memory/state.ts';
import type { Engine, State } from '../types/engine.ts';
import type { SegmentAdjoint, SegmentCotangents, SegmentLinearization, StepKernel } from '../types/kernel.ts';
import type { Span } from '../types/span.ts';

/** What an engine does of one step. */
export interface OneStep<A> {
  /** y₁. */
  advance(span: Span, y: State<A>): State<A>;
  /** y₁, and the activations of the step. */
  linearize(span: Span, y: State<A>): StepLinearization<A>;
  /** As `StepKernel.adjoint`. */
  adjoint(span: Span, y: State<A>, cotangent: State<A>): SegmentAdjoint<A>;
}

/** The activations of one step, and its result. */
export interface StepLinearization<A> extends Omit<SegmentLinearization<A>, 'pullback'> {
  readonly value: State<A>;
  pullback(cotangent: State<A>): SegmentCotangents<A>;
}

/** The kernel of an engine that takes steps one by one. A call takes up to `longest` of them, one after the other. */
export function stepByStep<A>(
  engine: Engine<A>,
  { advance, linearize, adjoint }: OneStep<A>,
  longest: number,
  alive: StepKernel<A>['alive'],
): StepKernel<A> {
  /** From the ends of steps that have a cotangent, the last of them included, to the start of the first. */
  const back = <T extends SegmentCotangents<A>>(
    ends: readonly (State<A> | undefined)[],
    pull: (n: number, cotangent: State<A>) => T,
  ): T => {
    if (ends.length === 1) return pull(0, ends[0]!);
    return withMemory(engine, (memory) => {
      const parameters = runningSum(memory);
      let pulled: T | undefined;
      for (let n = ends.length - 1; n >= 0; n--) {
        const [end, before] = [ends[n], pulled?.y];
        pulled = memory.scope(() => {
          const sum = before && end ? plus(memory.engine, before, end) : (before ?? end!);
          const step = pull(n, sum);
          memory.hold(memory.adoptState(step.y));
          parameters.add(memory.adoptState(step.parameters));
          return step;
        });
        if (before) memory.drop(before);
      }
      return { ...pulled!, y: memory.escape(pulled!.y), parameters: memory.escape(parameters.value!) };
    });
  };

  return {
    longest,
    alive,
    advance(spans, y, keep) {
      if (keep === 'states') return { states: inTurn(engine, spans, y, advance) };
      const memory = createMemory(engine, createLedger());
      const made: StepLinearization<A>[] = [];
      memory.scope(() => {
        for (const span of spans)
          made.push(memory.adoptLinearization(linearize(span, made.at(-1)?.value ?? y)));
        for (const step of made) {
          memory.holdLinearization(step);
          memory.escape(step.value);
        }
      });
      return {
        states: made.map(({ value }) => value),
        linearization: {
          bytes: made.reduce((sum, { bytes }) => sum + bytes, 0),
          stateBytes: made.reduce((sum, { stateBytes }) => sum + stateBytes, 0),
          pullback: (ends) => back(ends, (n, cotangent) => made[n]!.pullback(cotangent)),
          release: memory.releaseAll,
        },
      };
    },
    adjoint(spans, ys, cotangent) {
      let evaluations = 0;
      const ends = spans.map((_, n) => (n === spans.length - 1 ? cotangent : undefined));
      const pulled = back(ends, (n, end) => {
        const step = adjoint(spans[n]!, ys[n]!, end);
        evaluations += step.evaluations;
        return step;
      });
      return { ...pulled, evaluations };
    },
  };
}

/** The states at the ends of steps that are taken one after the other. */
function inTurn<A>(
  engine: Engine<A>,
  spans: readonly Span[],
  y: State<A>,
  advance: (span: Span, y: State<A>) => State<A>,
): readonly State<A>[] {
  if (spans.length === 1) return [advance(spans[0]!, y)];
  return withMemory(engine, (memory) => {
    const states: State<A>[] = [];
    for (const span of spans) states.push(memory.adoptState(advance(span, states.at(-1) ?? y)));
    return states.map(memory.escape);
  });
}

const plus = <A>(engine: Engine<A>, x: State<A>, y: State<A>): State<A> =>
  combineStates(engine, x, [{ coefficient: 1, value: y }]);

/** Lets everything go that `body` made and does not hand over, also where it throws. */
export function withMemory<A, T>(engine: Engine<A>, body: (memory: Memory<A>) => T): T {
  const memory = createMemory(engine, createLedger());
  try {
    return memory.scope(() => body(memory));
  } finally {
    memory.releaseAll();
  }
}
