import {
  createLedger,
  isFixed,
  type Event,
  type GradientStrategy,
  type Method,
  type Problem,
  type Statistics,
} from '@odegrad/core';
import type { DiscreteGradient } from './discrete.ts';
import { eventTangentGradient, type HandWrittenEvent } from './event-tangents.ts';
import { createFloat64Engine } from './float64-engine.ts';
import { float64Field, joinVectors, type HandWrittenField } from './field.ts';
import { noise, noiseVector } from './problems.ts';

/** A solve with events to differentiate: Σ ⟨cotangent, what it gave⟩, with noise for cotangents. */
export interface EventTrial extends Pick<
  Problem<Float64Array>,
  'ts' | 'knots' | 'between' | 'maxEvents' | 'steps'
> {
  readonly field: HandWrittenField;
  readonly y0: Float64Array;
  readonly method: Method;
  /** Whether `between` is read off a dense solution. */
  readonly dense?: boolean;
  readonly events: readonly (HandWrittenEvent &
    Pick<Event<Float64Array>, 'direction' | 'atMost' | 'looks'>)[];
}

/** What came of it, on plain vectors that nobody owns. */
export interface EventOutcome {
  readonly status: string | undefined;
  readonly happened: readonly { readonly event: number; readonly t: number }[];
  readonly ys: readonly (Float64Array | undefined)[];
  readonly gradient: DiscreteGradient;
  /** The gradient of a second pullback. */
  readonly repeated: DiscreteGradient;
  /** The same by tangents carried forward through the steps that were taken. */
  expected(): DiscreteGradient;
  /** Statistics after the forward pass, and after both pullbacks. */
  readonly forward: Statistics;
  readonly stats: Statistics;
  /** Arrays alive after everything was released, and the bytes on the books: 0. */
  readonly live: number;
  readonly bytes: number;
}

/** Solves and pulls back on a new float64 engine, twice, and releases everything. */
export function runEventTrial(strategy: GradientStrategy, trial: EventTrial): EventOutcome {
  const { field, y0, method, events, dense = false, between, ...others } = trial;
  const times = { ...others, ...(dense ? { dense } : between && { between }) };
  const engine = createFloat64Engine();
  const unit = y0.map((_, m) => Number(m === 0));
  const prepared = events.map(({ when, then, ...more }, i): Event<Float64Array> => {
    const condition = { field: float64Field(engine, when), unit: [unit] };
    const jump = typeof then === 'string' ? then : float64Field(engine, then);
    return { name: `event ${i}`, when: condition, then: jump, ...more };
  });
  const ends: number[] = [];
  const ledger = method.ledger ?? createLedger();
  const solution = strategy.solve(
    { field: float64Field(engine, field), y0: [y0], timeGradients: true, events: prepared, ...times },
    {
      ...method,
      ledger,
      onStep({ phase, t }) {
        if (phase === 'forward') ends.push(t);
      },
    },
  );
  const forward = { ...solution.stats };
  const happened = solution.events!.map(({ event, t }) => ({ event, t }));
  const noisy = (seed: number): Float64Array => noiseVector(seed, y0.length);
  const cotangents = {
    ys: solution.ts.map((_, i) => (times.knots?.get(i)?.output === false ? undefined : noisy(20 + i))),
    between: (dense ? between! : solution.between).map((_, i) => noisy(50 + i)),
    events: happened.map((_, i) => ({ t: noise(90, i), before: noisy(100 + i), after: noisy(200 + i) })),
  };
  const one = (x: Float64Array | undefined): Float64Array[] | undefined => x && [x];
  const pullBack = (): DiscreteGradient => {
    const pulled = solution.pullback(cotangents.ys.map(one), {
      ...(!dense && between && { between: cotangents.between.map(one) }),
      // In no order: the solution sorts them.
      ...(dense && {
        points: between!.map((t, i) => ({ t, cotangent: [cotangents.between[i]!] })).reverse(),
      }),
      events: cotangents.events.map(({ t, before, after }) => ({ t, before: [before], after: [after] })),
    });
    const { ts } = pulled;
    const read = dense ? [...pulled.points!].reverse() : pulled.between;
    const gradient = {
      y0: joinVectors(pulled.y0),
      parameters: pulled.parameters.map((p) => p.slice()),
      ts: [...ts],
      ...(read && { between: [...read] }),
    };
    for (const x of [...pulled.y0, ...pulled.parameters]) engine.release(x);
    return gradient;
  };
  const [gradient, repeated] = [pullBack(), pullBack()];
  const { status } = solution;
  const ys = solution.ys.map(joinVectors);
  const stats = { ...solution.stats };
  solution.release();
  return {
    ...{ status, happened, ys, gradient, repeated, forward, stats },
    live: engine.live(),
    bytes: ledger.bytes,
    expected: () =>
      eventTangentGradient({
        ...(times.steps && { steps: true }),
        tableau: method.solver.tableau!,
        adaptive: !isFixed(method.stepping),
        ...{ field, events, y0, ends, happened, cotangents },
        ts: times.ts,
        between: between ?? [],
      }),
  };
}
