import {
  createLedger,
  pi,
  type Engine,
  type GradientStrategy,
  type Method,
  type Solver,
} from '@odegrad/core';
import { describe, expect, it } from 'vitest';
import { createFloat64Engine } from './float64-engine.ts';
import { float64Field } from './field.ts';
import { neuralField, noiseVector } from './problems.ts';

type Phase = 'forward' | 'backward';

/** What is injected into a solve and its pullback. */
interface Faults {
  readonly evaluation?: (index: number, phase: Phase) => void;
  /** Before each operation that core asks of the engine. */
  readonly operation?: (index: number, phase: Phase) => void;
  readonly step?: (index: number, phase: Phase) => unknown;
  readonly signal?: AbortSignal;
}

/** Solves and pulls back with faults, and says what was thrown where and what stayed alive. */
function attempt(
  strategy: GradientStrategy,
  method: Method,
  { evaluation, operation, step, signal }: Faults,
): { error: unknown; phase: Phase; live: number; bytes: number; counts: Record<string, number> } {
  const engine = createFloat64Engine();
  const counts = { evaluations: 0, operations: 0, steps: 0 };
  let phase: Phase = 'forward';
  const made = float64Field(engine, neuralField(2, 2), {
    before: () => evaluation?.(counts.evaluations++, phase),
  });
  const before = (): void => operation?.(counts.operations++, phase);
  // Only what core asks of the engine fails; the field makes its own arrays undisturbed.
  const faulty: Engine<Float64Array> = {
    ...engine,
    combine: (base, terms, scale) => (before(), engine.combine(base, terms, scale)),
    zeros: (like) => (before(), engine.zeros(like)),
    dot: (x, y) => (before(), engine.dot(x, y)),
  };
  const field = { ...made, engine: faulty };
  const ledger = createLedger();
  const y0 = noiseVector(3, 2);
  const start = y0.slice();
  let error: unknown;
  try {
    const solution = strategy.solve(
      { field, y0: [y0], ts: [0, 0.3, 1], timeGradients: true },
      { ...method, ledger, onStep: () => void step?.(counts.steps++, phase), ...(signal ? { signal } : {}) },
    );
    phase = 'backward';
    let result;
    try {
      result = solution.pullback([noiseVector(4, 2), undefined, noiseVector(5, 2)].map((k) => k && [k]));
    } catch (thrown) {
      error = thrown;
      expect(() => solution.pullback([])).toThrow('solve again');
    }
    // Releasing once more after a failure is harmless.
    solution.release();
    for (const x of [...(result?.y0 ?? []), ...(result?.parameters ?? [])]) engine.release(x);
  } catch (thrown) {
    error = thrown;
  }
  expect(y0).toEqual(start);
  return {
    error,
    phase,
    live: engine.live(),
    bytes: ledger.bytes + ledger.keptStateBytes + ledger.activationBytes,
    counts,
  };
}

/** Registers the tests of what stays alive, and what is thrown, when something fails or ends early. */
export function describeFailures(strategy: GradientStrategy, fixed: Solver, adaptive: Solver): void {
  const methods: readonly (readonly [string, Method])[] = [
    ['equal steps', { solver: fixed, stepping: { numSteps: 2 } }],
    [
      'adaptive steps',
      { solver: adaptive, stepping: { rtol: 1e-1, atol: 1e-1, controller: pi, firstStep: 3 } },
    ],
    [
      'adaptive steps, the first chosen',
      { solver: adaptive, stepping: { rtol: 1e-1, atol: 1e-1, controller: pi } },
    ],
  ];
  const nothing = { live: 0, bytes: 0 };

  describe.each(methods)('leaves nothing alive with %s', (_, method) => {
    const clean = attempt(strategy, method, { evaluation() {}, operation() {}, step() {} });

    it('after a solve, a gradient and a release', () => {
      expect(clean).toMatchObject({ error: undefined, phase: 'backward', ...nothing });
    });

    it.each([
      ['f', 'evaluation', clean.counts['evaluations']!],
      ['the engine', 'operation', clean.counts['operations']!],
      ['onStep', 'step', clean.counts['steps']!],
    ] as const)('after an error in %s, wherever it happens, and passes it on', (_what, fault, count) => {
      const phases = new Set<Phase>();
      for (let k = 0; k < count; k++) {
        const thrown = new Error(`${fault} ${k}`);
        const outcome = attempt(strategy, method, {
          [fault](index: number) {
            if (index === k) throw thrown;
          },
        });
        expect(outcome.error).toBe(thrown);
        expect(outcome).toMatchObject(nothing);
        phases.add(outcome.phase);
      }
      // A strategy that evaluates nothing again has nothing to fail in its backward pass.
      if (fault !== 'evaluation') expect([...phases]).toEqual(['forward', 'backward']);
    });

    it('after an abort at any step', () => {
      for (let k = 0; k + 1 < clean.counts['steps']!; k++) {
        const controller = new AbortController();
        const outcome = attempt(strategy, method, {
          signal: controller.signal,
          step(index) {
            if (index === k) controller.abort();
          },
        });
        expect(outcome.error).toMatchObject({ name: 'SolveError', code: 'aborted' });
        expect(outcome).toMatchObject(nothing);
      }
    });
  });

  it('takes no step after it was aborted before', () => {
    const method = methods[0]![1];
    let steps = 0;
    const outcome = attempt(strategy, method, { signal: AbortSignal.abort(), step: () => (steps += 1) });
    expect(outcome.error).toMatchObject({ name: 'SolveError', code: 'aborted', steps: 0 });
    expect(outcome).toMatchObject(nothing);
    expect(steps).toBe(0);
  });

  it.each(methods)('may be pulled back twice, interleaved with others, and released with %s', (_, method) => {
    const engine = createFloat64Engine();
    const field = float64Field(engine, neuralField(2, 2));
    const y0 = [noiseVector(3, 2)];
    const solution = strategy.solve({ field, y0, ts: [0, 0.3, 1], timeGradients: true }, method);
    const outputs = solution.ys.length - 1;
    // The states at the output times are alive, and the first is y0 itself.
    expect(solution.ys[0]![0]).toBe(y0[0]);
    expect(engine.live()).toBeGreaterThanOrEqual(outputs);
    const one = [undefined, undefined, [noiseVector(4, 2)]];
    const other = [[noiseVector(6, 2)], [noiseVector(7, 2)], undefined];
    const first = solution.pullback(one);
    const second = solution.pullback(other);
    const third = solution.pullback(one);
    expect(third).toEqual(first);
    expect(second).not.toEqual(first);
    const ys = solution.ys.map(([y]) => y!.slice());
    solution.release();
    solution.release();
    expect(() => solution.pullback(one)).toThrow('released');
    // The gradients are the caller's and outlive the solution.
    expect(third).toEqual(first);
    expect(ys.flatMap((y) => [...y]).every(Number.isFinite)).toBe(true);
    const owned = [first, second, third].flatMap((g) => [...g.y0, ...g.parameters]);
    expect(engine.live()).toBe(owned.length);
    for (const x of owned) engine.release(x);
    expect(y0[0]).toEqual(noiseVector(3, 2));
  });

  it('keeps nothing alive where no gradient is asked for', () => {
    const engine = createFloat64Engine();
    const field = float64Field(engine, neuralField(2, 2));
    const solution = strategy.solve({ field, y0: [noiseVector(3, 2)], ts: [0, 1] }, methods[0]![1]);
    solution.release();
    expect(engine.live()).toBe(0);
  });
}
