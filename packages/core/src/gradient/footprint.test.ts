import { adaptiveHeun, bosh3, cashKarp, dopri5, dopri8, euler, midpoint, rk4 } from '@odegrad/tableaux';
import { linear, neuralField, noiseVector, runTrial } from '@odegrad/testkit';
import { describe, expect, it } from 'vitest';
import { pi, rungeKutta, scheduled, type Level, type Measurement, type Method } from '../index.ts';

type Kept = Exclude<Level, 'nothing'>;

const solvers = [euler, midpoint, rk4, dopri5, adaptiveHeun, bosh3, cashKarp, dopri8].map(rungeKutta);
const fixed = solvers.map((solver): Method => ({ solver, stepping: { numSteps: 4 } }));
const adaptive = solvers
  .filter((solver) => solver.embeddedOrder !== undefined)
  // The first attempt is rejected.
  .map((solver): Method => ({
    solver,
    stepping: { rtol: 1e-3, atol: 1e-3, firstStep: 20, controller: pi },
  }));
/** Solves with every step kept at one level: what the ledger shows at most, and what was expected. */
function peak(kept: Kept, method: Method, about: object, ts = [0, 4]) {
  let measured: Measurement | undefined;
  const strategy = scheduled({
    name: 'constant',
    retention(outlook) {
      measured = outlook.measure();
      return { keep: () => kept, restore: () => () => 'stages', consumes: true };
    },
  });
  const { stats } = runTrial(strategy, {
    field: { ...neuralField(3, 4), activationBytes: 40 },
    y0: noiseVector(9, 3),
    ts,
    method,
    ...about,
  });
  const steps = stats.accepted;
  const perStep = 24 + measured!.kept[kept];
  return { found: stats.bytesPeak, bound: steps * perStep + measured!.working[kept], perStep };
}

const LEVELS: readonly Kept[] = ['state', 'stages', 'activations'];
const field = (activationBytes: number) => ({ field: { ...neuralField(3, 4), activationBytes } });
const FIELDS = [
  ['some activations', {}],
  ['few activations', field(8)],
  ['many activations', field(4000)],
  ['many activations and a vjp', { ...field(4000), vjp: true }],
  ['few activations and a vjp', { ...field(8), vjp: true }],
  ['two parts', { parts: [2, 1] }],
  ['no parameters', { field: { ...linear(-0.3), activationBytes: 40 } }],
] as const;

describe.each([false, true])('with time gradients: %s', (timeGradients) => {
  describe.each(FIELDS)('of a field with %s', (_, about) => {
    it.each([
      ['equal', fixed],
      ['adaptive', adaptive],
    ])('is what the ledger shows for %s steps of any solver, at every level', (_steps, methods) => {
      for (const method of methods) {
        for (const kept of LEVELS) {
          const { found, bound, perStep } = peak(kept, method, { ...about, timeGradients });
          // With one stage there is no sum of parameters yet where the most steps are kept, at the end.
          const slack = method.solver.stages === 1 ? perStep : 0;
          expect(found, `${method.solver.name}, ${kept}`).toBeLessThanOrEqual(bound);
          expect(found, `${method.solver.name}, ${kept}`).toBeGreaterThanOrEqual(bound - slack);
        }
      }
    });
  });
});

describe('with whole steps from the engine', () => {
  it.each([
    { alive: 'step' },
    { alive: 'stage' },
    { alive: 'step', attempt: true },
    { alive: 'stage', attempt: true },
  ] as const)('by %j it is what the ledger shows, at every level', (whole) => {
    // All with ODEGRAD_ALL; by default a few of several stages, whose last slope is the next step's first or is not.
    const all = [...fixed.slice(1), ...adaptive];
    const few = all.filter(({ solver }) => ['rk4', 'dopri5', 'cash_karp'].includes(solver.name));
    expect(few).toHaveLength(5);
    for (const method of process.env['ODEGRAD_ALL'] ? all : few) {
      for (const kept of LEVELS) {
        for (const [, about] of FIELDS) {
          const { found, bound, perStep } = peak(kept, method, { ...about, whole, timeGradients: false });
          expect(found, `${method.solver.name}, ${kept}`).toBeLessThanOrEqual(bound);
          // As with one stage: there may be no sum of parameters yet where the most steps are kept. And adaptive
          // steps reckon with activations from before the step, which nobody keeps here.
          expect(found, `${method.solver.name}, ${kept}`).toBeGreaterThanOrEqual(bound - perStep - 8);
        }
      }
    }
  });
});

describe('with several output times', () => {
  it('counts each of their states once more at most', () => {
    const ts = [0, 1, 1.5, 2, 4];
    for (const method of [...fixed.slice(1), ...adaptive]) {
      for (const kept of LEVELS) {
        const { found, bound } = peak(kept, method, {}, ts);
        expect(found).toBeLessThanOrEqual(bound);
        expect(found).toBeGreaterThanOrEqual(bound - 3 * 24);
      }
    }
  });
});
