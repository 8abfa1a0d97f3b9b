import {
  createLedger,
  isFixed,
  type GradientStrategy,
  type Ledger,
  type Method,
  type Problem,
  type Statistics,
} from '@odegrad/core';
import { discreteSteps, type DiscreteGradient, type DiscreteStep, type Readings } from './discrete.ts';
import { createFloat64Engine } from './float64-engine.ts';
import { float64Field, joinVectors, splitVector, type HandWrittenField } from './field.ts';
import { fusedField, type WholeSteps } from './fused.ts';
import { noiseVector } from './problems.ts';
import { ownOf, readerOf, type Reading } from './reading.ts';

/** A solve to differentiate: Σ ⟨cotangentᵢ, yᵢ⟩ over a hand-written field. */
export interface Trial {
  readonly field: HandWrittenField;
  readonly y0: Float64Array;
  readonly ts: readonly number[];
  readonly method: Method;
  /** One for each output time, `undefined` for none; noise by default. */
  readonly cotangents?: readonly (Float64Array | undefined)[];
  /** Times that are read off steps, and cotangents there; noise by default. */
  readonly between?: readonly number[];
  readonly betweenCotangents?: readonly (Float64Array | undefined)[];
  /** How they are read: one by one, off a dense solution, or of each one row of so many. Of `between` by default. */
  readonly reading?: Reading;
  /** Whether the states at the ends of all steps are given, with cotangents of noise, and not those at the output times. */
  readonly steps?: boolean;
  /** Lengths of the arrays that the state is cut into. */
  readonly parts?: readonly number[];
  readonly vjp?: boolean;
  /** What the engine does with whole steps; it has none by default. */
  readonly whole?: WholeSteps;
  /** Whether to ask for gradients of the output times; true by default. */
  readonly timeGradients?: boolean;
}

/** What came of a trial, on plain vectors that nobody owns. */
export interface Outcome {
  readonly ys: readonly Float64Array[];
  readonly between: readonly Float64Array[];
  readonly gradient: DiscreteGradient;
  readonly steps: readonly DiscreteStep[];
  /** Statistics after the forward pass, and after the pullback. */
  readonly forward: Statistics;
  readonly stats: Statistics;
  /** The gradient of a second pullback. */
  readonly repeated: DiscreteGradient;
  /** Arrays alive after everything was released, and the bytes on the books: 0. */
  readonly live: number;
  readonly bytes: number;
  /** Evaluations of the field as the field counted them. */
  readonly evaluations: number;
}

/** The cotangents of a trial that names none. */
export function cotangentsOf({
  ts,
  y0,
  cotangents,
  steps = false,
}: Trial): readonly (Float64Array | undefined)[] {
  return cotangents ?? ts.map((_, i) => (steps ? undefined : noiseVector(20 + i, y0.length)));
}

/** What a trial reads off steps. */
export function readingsOf({ y0, between: times = [], betweenCotangents, reading, steps }: Trial): Readings {
  const cotangents = betweenCotangents ?? times.map((_, i) => noiseVector(50 + i, y0.length));
  const ends = steps
    ? Array.from({ length: 200 }, (_, i) => (i % 3 === 1 ? undefined : noiseVector(80 + i, y0.length)))
    : undefined;
  return { times, cotangents: cotangents.map((k, i) => k && ownOf(reading, i, k)), ends };
}

/** Solves and pulls back on a new float64 engine, twice, and releases everything. */
export function runTrial(strategy: GradientStrategy, trial: Trial): Outcome {
  const { field, y0, ts, method, parts = [y0.length], vjp = false, whole, timeGradients = true } = trial;
  const engine = createFloat64Engine();
  const reader = readerOf(trial, parts);
  let evaluations = 0;
  const before = (): void => void (evaluations += 1);
  const options = { parts, vjp, before };
  const problem: Problem<Float64Array> = {
    field: whole ? fusedField(engine, field, whole, options) : float64Field(engine, field, options),
    y0: splitVector(y0, parts),
    ts,
    timeGradients,
    ...reader.problem,
    ...(trial.steps && { steps: true }),
  };
  const ends: number[] = [];
  const ledger: Ledger = method.ledger ?? createLedger();
  const solution = strategy.solve(problem, {
    ...method,
    ledger,
    onStep(progress) {
      if (progress.phase === 'forward') ends.push(progress.t);
      method.onStep?.(progress);
    },
  });
  const forward = { ...solution.stats };
  const cut = (list: readonly (Float64Array | undefined)[]): (readonly Float64Array[] | undefined)[] =>
    list.map((k) => k && splitVector(k, parts));
  const { cotangents: read, ends: atEnds } = readingsOf(trial);
  const given = trial.steps ? atEnds!.slice(0, solution.ys.length) : cotangentsOf(trial);
  const pullBack = (): ReturnType<typeof solution.pullback> =>
    solution.pullback(cut(given), reader.cotangents(solution, read));
  const result = pullBack();
  const gradientOf = (pulled: typeof result): DiscreteGradient => {
    const between = reader.times(pulled);
    return {
      y0: joinVectors(pulled.y0),
      parameters: pulled.parameters.map((p) => p.slice()),
      ts: [...pulled.ts],
      ...(between ? { between: [...between] } : {}),
    };
  };
  const gradient = gradientOf(result);
  const outcome = {
    ys: solution.ys.map(joinVectors),
    between: reader.states(solution, engine),
    gradient,
    steps: discreteSteps(ts, ends, !isFixed(method.stepping)),
    forward,
    stats: { ...solution.stats },
    evaluations,
  };
  const again = pullBack();
  const repeated = gradientOf(again);
  solution.release();
  for (const x of [result, again].flatMap(({ y0: a, parameters }) => [...a, ...parameters]))
    engine.release(x);
  return { ...outcome, repeated, live: engine.live(), bytes: ledger.bytes };
}

/** The entries of a gradient, in order. */
export function flatten({ y0, parameters, ts, between = [] }: DiscreteGradient): number[] {
  return [...y0, ...joinVectors(parameters), ...ts, ...between];
}

/** Largest difference of two gradients relative to the largest entry of the second (or to 1). */
export function relativeError(actual: DiscreteGradient, expected: DiscreteGradient): number {
  const [x, y] = [flatten(actual), flatten(expected)];
  const scale = y.reduce((max, yi) => Math.max(max, Math.abs(yi)), 1);
  // A comparison with NaN is to fail, so NaN counts as infinite.
  return (
    y.reduce((max, yi, i) => Math.max(max, Number.isNaN(x[i]) ? Infinity : Math.abs(x[i]! - yi)), 0) / scale
  );
}
