import { bosh3, dopri5, euler, fehlberg45, rk4 } from '@odegrad/tableaux';
import {
  createFloat64Engine,
  cotangentsOf,
  float64Field,
  fusedField,
  neuralField,
  noiseVector,
  relativeError,
  runTrial,
  spiral,
  tangentGradient,
  type Trial,
  type WholeSteps,
} from '@odegrad/testkit';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { pi } from '../stepping/controllers.ts';
import { ArgumentError } from '../arguments/errors.ts';
import { createLedger } from '../memory/ledger.ts';
import type { Outlook, Retention } from './retention.ts';
import { rungeKutta } from '../solver/runge-kutta.ts';
import { forward, scheduled } from './schedule.ts';
import { includes, type Level, type TrajectoryView } from './trajectory.ts';
import type { GradientStrategy } from '../types/plugin.ts';
import type { Method } from '../types/problem.ts';

const everything = scheduled({
  name: 'everything',
  retention: () => ({ keep: () => 'activations', restore: () => () => 'activations' }),
});

/** What a random schedule decides; lists are read over and over again. */
interface Whims {
  readonly keep: readonly Level[];
  /** At step n: which earlier step (as a fraction of n) is demoted, and to what. */
  readonly demote: readonly (readonly [number, Level] | undefined)[];
  readonly restore: readonly Level[];
  readonly last: readonly Level[];
  readonly demoteAgain: readonly (readonly [number, Level] | undefined)[];
  readonly consumes: boolean;
}

/** A schedule that follows `whims`, and checks what core tells it. */
function whimsical(
  whims: Whims,
  watch: (trajectory: TrajectoryView) => void = () => undefined,
): GradientStrategy {
  const at = <T>(list: readonly T[], n: number): T => list[n % list.length]!;
  const demote = (view: TrajectoryView, whim: readonly [number, Level] | undefined, below: number): void => {
    if (!whim || below === 0) return;
    const n = Math.floor(whim[0] * below);
    // The way back begins at state 0.
    const level = n === 0 && whim[1] === 'nothing' ? 'state' : whim[1];
    const before = view.level(n);
    view.demote(n, level);
    // A step that was fused has activations or a state, and no stages in between.
    const fused = view.level(n) === 'state' && before === 'activations' && level === 'stages';
    if (!fused) expect(view.level(n)).toBe(includes(before, level) ? level : before);
  };
  return scheduled({
    name: 'whimsical',
    retention(): Retention {
      let asked = 0;
      return {
        consumes: whims.consumes,
        keep(n, view) {
          expect(n).toBe(view.length);
          demote(view, at(whims.demote, n), n);
          watch(view);
          return at(whims.keep, n);
        },
        restore(from, last, view) {
          expect(includes(view.level(from), 'state')).toBe(true);
          for (let n = from + 1; n <= last; n++) expect(view.level(n)).toBe('nothing');
          demote(view, at(whims.demoteAgain, asked), from);
          let next = from;
          return (n) => {
            expect(n).toBe(next++);
            return at(n === last ? whims.last : whims.restore, asked++);
          };
        },
      };
    },
  });
}

const levels: readonly Level[] = ['nothing', 'state', 'stages', 'activations'];
const level = fc.constantFrom(...levels);
const demotion = fc.option(fc.tuple(fc.double({ min: 0, max: 0.999, noNaN: true }), level), {
  nil: undefined,
});
const list = <T>(item: fc.Arbitrary<T>): fc.Arbitrary<T[]> => fc.array(item, { minLength: 1, maxLength: 7 });
const whims: fc.Arbitrary<Whims> = fc.record({
  keep: list(level),
  demote: list(demotion),
  restore: list(level),
  last: list(fc.constantFrom<Level>('stages', 'activations')),
  demoteAgain: list(demotion),
  consumes: fc.boolean(),
});

const methods: readonly Method[] = [
  { solver: rungeKutta(euler), stepping: { numSteps: 4 } },
  { solver: rungeKutta(rk4), stepping: { stepSize: 0.3 } },
  { solver: rungeKutta(dopri5), stepping: { numSteps: 3 } },
  { solver: rungeKutta(dopri5), stepping: { rtol: 1e-5, atol: 1e-5, controller: pi, firstStep: 3 } },
  { solver: rungeKutta(bosh3), stepping: { rtol: 1e-3, atol: 1e-3, controller: pi } },
  { solver: rungeKutta(fehlberg45), stepping: { rtol: 1e-5, atol: 1e-5, controller: pi } },
];

/** Anything that could be solved and differentiated. */
const trials: fc.Arbitrary<Trial> = fc
  .record({
    method: fc.constantFrom(...methods),
    ts: fc.constantFrom([0, 0.7, 2], [2, 1.5, 1.2, 0], [0, 1.5], [1e-3, 1e-2, 0.1, 1]),
    timeGradients: fc.boolean(),
    vjp: fc.boolean(),
    parts: fc.constantFrom([2], [1, 1]),
    whole: fc.option(fc.constantFrom<WholeSteps>({ alive: 'stage' }, { alive: 'step' }), { nil: undefined }),
    seed: fc.integer({ min: 1, max: 1000 }),
    cut: fc.integer({ min: 0, max: 7 }),
  })
  .map(({ seed, cut, whole, ...rest }) => ({
    ...rest,
    ...(whole ? { whole } : {}),
    field: neuralField(2, 2, seed),
    y0: noiseVector(seed + 1, 2),
    cotangents: rest.ts.map((_, i) => (cut & (1 << i) ? undefined : noiseVector(seed + i, 2))),
  }));

/** How many of these random ones are tried by default, and all with ODEGRAD_ALL. */
const runs = (all: number, few: number): number => (process.env['ODEGRAD_ALL'] ? all : few);

describe('whatever a schedule keeps, demotes and makes again', () => {
  it('the gradient is that of keeping everything to the last bit, that of forward differentiation to rounding, and nothing stays alive', () => {
    const numRuns = runs(1000, 300);
    const seen = { restored: 0, rejected: 0, extraSteps: 0 };
    fc.assert(
      fc.property(whims, trials, (whim, trial) => {
        const outcome = runTrial(whimsical(whim), trial);
        expect(outcome).toMatchObject({ live: 0, bytes: 0 });
        // Keeping and making again are the same arithmetic; a fused step adds its parameters up by itself.
        const reference = runTrial(everything, trial);
        if (!trial.whole) expect(outcome.gradient).toEqual(reference.gradient);
        expect(relativeError(outcome.gradient, reference.gradient)).toBeLessThan(1e-14);
        expect(outcome.repeated).toEqual(trial.whole ? expect.anything() : outcome.gradient);
        expect(relativeError(outcome.repeated, reference.gradient)).toBeLessThan(1e-14);
        const { field, y0, ts, method, timeGradients } = trial;
        const exact = tangentGradient(
          method.solver.tableau!,
          field,
          y0,
          ts,
          outcome.steps,
          cotangentsOf(trial),
        );
        const expected = timeGradients ? exact : { ...exact, ts: ts.map(() => 0) };
        expect(relativeError(outcome.gradient, expected)).toBeLessThan(1e-12);
        seen.restored += Number(outcome.stats.evaluationsBackward > 0);
        seen.rejected += outcome.stats.rejected;
        seen.extraSteps += outcome.stats.extraSteps;
      }),
      { seed: 8, numRuns },
    );
    // What is to be tried was.
    expect(Math.min(...Object.values(seen))).toBeGreaterThan(numRuns / 10);
  });

  it('the ledger counts every evaluation of f once', () => {
    fc.assert(
      fc.property(whims, trials, (whim, trial) => {
        const { stats, evaluations } = runTrial(whimsical(whim), trial);
        expect(stats.evaluationsForward + stats.evaluationsBackward).toBe(evaluations);
      }),
      { seed: 3, numRuns: runs(200, 60) },
    );
  });

  it('the bytes and states that it is told of are those on the books', () => {
    fc.assert(
      fc.property(whims, trials, (whim, trial) => {
        let view: TrajectoryView | undefined;
        const ledger = createLedger();
        const watch = (seen: TrajectoryView): void => {
          view = seen;
          const kept = Array.from({ length: seen.length }, (_, n) => seen.level(n)).filter(
            (l) => l !== 'nothing',
          );
          expect(seen.keptStates).toBe(kept.length);
          expect(seen.bytes).toBeGreaterThanOrEqual(ledger.keptStateBytes);
          // The slope that the next step begins with may hold activations of its own.
          expect(seen.bytes).toBeLessThanOrEqual(ledger.keptStateBytes + ledger.activationBytes);
        };
        const strategy = whimsical(whim, watch);
        const { timeGradients: _, parts = [2], ...rest } = trial;
        const engine = createFloat64Engine();
        const y0 = parts.length === 1 ? [rest.y0] : [rest.y0.slice(0, 1), rest.y0.slice(1)];
        const field = trial.whole
          ? fusedField(engine, rest.field, trial.whole, { parts })
          : float64Field(engine, rest.field, { parts });
        const problem = { field, y0, ts: rest.ts };
        const solution = strategy.solve(problem, { ...rest.method, ledger });
        expect(view!.bytes).toBe(ledger.keptStateBytes + ledger.activationBytes);
        const last = y0.map((part) => noiseVector(3, part.length));
        const pulled = solution.pullback(rest.ts.map((_t, i) => (i > 0 ? last : undefined)));
        if (whim.consumes) expect(ledger.keptStateBytes).toBe(16);
        expect(view!.bytes).toBe(ledger.keptStateBytes + ledger.activationBytes);
        solution.release();
        for (const x of [...pulled.y0, ...pulled.parameters]) engine.release(x);
        expect(engine.live() + ledger.bytes).toBe(0);
      }),
      { seed: 4, numRuns: runs(200, 60) },
    );
  });
});

describe('a schedule', () => {
  const trial: Trial = {
    field: neuralField(2, 2),
    y0: noiseVector(1, 2),
    ts: [0, 0.5, 2],
    method: { solver: rungeKutta(rk4), stepping: { numSteps: 3 } },
  };

  it('of a few lines serves: every second state, the steps between made again', () => {
    const everySecond = scheduled({
      name: 'every-second',
      retention: () => ({ keep: (n) => (n % 2 === 0 ? 'state' : 'nothing'), restore: () => () => 'stages' }),
    });
    expect(everySecond).toMatchObject({ name: 'every-second', exact: true });
    const { gradient, forward: after, stats } = runTrial(everySecond, trial);
    expect(gradient).toEqual(runTrial(everything, trial).gradient);
    expect(after.keptStateBytes).toBe(3 * 16);
    expect(stats.extraSteps).toBe(3);
  });

  it('is made anew for each solve, and told what is known of it', () => {
    const outlooks: Outlook[] = [];
    const strategy = scheduled({
      name: 'curious',
      retention(outlook) {
        outlooks.push({ ...outlook });
        return { keep: () => 'state', restore: () => () => 'stages' };
      },
    });
    runTrial(strategy, { ...trial, parts: [1, 1] });
    runTrial(strategy, {
      ...trial,
      timeGradients: false,
      method: { solver: rungeKutta(dopri5), stepping: { stepSize: 0.3 } },
    });
    runTrial(strategy, { ...trial, method: methods[3]! });
    expect(outlooks).toMatchObject([
      { steps: 6, stages: 4, stateBytes: 16 },
      { steps: 2 + 5, stages: 6, stateBytes: 16 },
      { steps: undefined, stages: 6, stateBytes: 16 },
    ]);
  });

  it('is asked once for each step, however often the step is attempted', () => {
    const asked: number[] = [];
    const strategy = scheduled({
      name: 'counting',
      retention: () => ({ keep: (n) => (asked.push(n), 'state'), restore: () => () => 'stages' }),
    });
    const { stats } = runTrial(strategy, { ...trial, method: methods[3]! });
    expect(stats.rejected).toBeGreaterThan(0);
    // And once for the step that is not taken any more, if the solve had gone on.
    expect(asked.slice(0, stats.accepted)).toEqual(Array.from({ length: stats.accepted }, (_, n) => n));
    expect(asked.length).toBe(stats.accepted);
  });

  it('keeps the initial state whether it wants to or not', () => {
    const forgetful = scheduled({
      name: 'forgetful',
      retention: () => ({
        keep(n, view) {
          if (n > 0) view.demote(0, 'nothing');
          return 'nothing';
        },
        restore: () => () => 'stages',
      }),
    });
    const { gradient, forward: after } = runTrial(forgetful, trial);
    expect(gradient).toEqual(runTrial(everything, trial).gradient);
    expect(after.keptStateBytes).toBe(16);
  });

  it('that restores too little of a step to differentiate it is told so', () => {
    for (const lazy of ['nothing', 'state'] as const) {
      const strategy = scheduled({
        name: 'lazy',
        retention: () => ({ keep: () => 'state', restore: () => () => lazy }),
      });
      expect(() => runTrial(strategy, trial)).toThrow(/lazy.*stages/);
    }
  });
});

describe('exact strategies', () => {
  it('refuse a solver whose steps cannot be differentiated, naming both and a way out', () => {
    const { restage: _, adjointStep: __, ...forwardOnly } = rungeKutta(rk4);
    const engine = createFloat64Engine();
    const problem = { field: float64Field(engine, spiral), y0: [Float64Array.of(0.3, 0)], ts: [0, 1] };
    const method = { solver: { ...forwardOnly, name: 'leapfrog' }, stepping: { numSteps: 2 } };
    expect(() => everything.solve(problem, method)).toThrow(ArgumentError);
    expect(() => everything.solve(problem, method)).toThrow(
      "Gradient 'everything' differentiates each step, which solver 'leapfrog' cannot. Take a Runge–Kutta solver, or " +
        "`gradient: 'adjoint'`.",
    );
    expect(engine.live()).toBe(0);
  });
});

describe('a forward solve', () => {
  it('keeps the outputs alone, and has no way back', () => {
    const engine = createFloat64Engine();
    const problem = { field: float64Field(engine, spiral), y0: [Float64Array.of(0.3, 0)], ts: [0, 1, 2] };
    const solution = forward.solve(problem, { solver: rungeKutta(rk4), stepping: { numSteps: 10 } });
    expect(engine.live()).toBe(2);
    expect(solution.stats).toMatchObject({
      keptStateBytes: 0,
      keptStateBytesPeak: 0,
      activationBytesPeak: 0,
    });
    expect(() => solution.pullback([undefined, undefined, undefined])).toThrow(
      'keeps nothing to go back with',
    );
    expect(engine.live()).toBe(0);
  });
});
