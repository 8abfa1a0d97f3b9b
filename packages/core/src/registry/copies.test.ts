import { rk4 } from '@odegrad/tableaux';
import { noiseVector, neuralField, relativeError, runTrial, type Trial } from '@odegrad/testkit';
import { beforeAll, describe, expect, it, vi } from 'vitest';
import * as here from '../index.ts';

let there: typeof here;
beforeAll(async () => {
  vi.resetModules();
  there = await import('../index.ts');
});

const message = (call: () => unknown): string => {
  try {
    call();
  } catch (error) {
    expect(error).toBeInstanceOf(Error);
    return (error as Error).message;
  }
  throw new Error('It was not refused.');
};

describe('where two copies of this package are loaded', () => {
  it('a name that was registered with the other one is said to be there', () => {
    expect(there.Registry).not.toBe(here.Registry);
    const theirs = there.createRegistry().use({ name: 'p', tableaux: [{ ...rk4, name: 'only_there' }] });
    expect(theirs.has('solver', 'only_there')).toBe(true);
    const said = message(() => here.createRegistry().get('solver', 'only_there'));
    expect(said).toMatch(
      /^No solver 'only_there'\. .*another copy of @odegrad\/core: 2 are loaded, this one from \S+copies\.ts\S*, that one from \S+copies\.ts\S*\. .*npm ls @odegrad\/core/,
    );
    expect(said).not.toContain('Install');
    // What nobody registered is said to be missing, as ever.
    expect(message(() => here.createRegistry().get('solver', 'nowhere'))).not.toContain('copy');
    here.createRegistry().use({ name: 'p', tableaux: [{ ...rk4, name: 'only_here' }] });
    expect(message(() => there.createRegistry().get('tableau', 'only_here'))).toContain('another copy');
    expect(message(() => here.createRegistry().get('tableau', 'only_here'))).not.toContain('copy');
  });

  it('errors of either are instances of the classes of both, and of no other class', () => {
    const details = { t: 0, h: 0, steps: 0 };
    for (const [made, known] of [
      [there, here],
      [here, there],
      [here, here],
    ] as const) {
      expect(new made.ArgumentError('x') instanceof known.ArgumentError).toBe(true);
      expect(new made.SolveError('aborted', 'x', details) instanceof known.SolveError).toBe(true);
      expect(new made.EngineError('x') instanceof known.EngineError).toBe(true);
      expect(new made.RegistryError('x') instanceof known.RegistryError).toBe(true);
      expect(new made.TableauError('x') instanceof known.TableauError).toBe(true);
      expect(new made.TableauError('x') instanceof known.ArgumentError).toBe(false);
    }
    class Own extends here.ArgumentError {}
    expect(new Own('x') instanceof here.ArgumentError).toBe(true);
    expect(new here.ArgumentError('x') instanceof Own).toBe(false);
    expect(new Own('x') instanceof Own).toBe(true);
    for (const value of [null, undefined, 1, 'ArgumentError', {}, new Error('x'), { name: 'ArgumentError' }])
      expect((value as unknown) instanceof here.ArgumentError).toBe(false);
    expect(Object.keys(new here.ArgumentError('x'))).toEqual(['name']);
  });

  it('a registry of the other one cannot be a parent, and says so', () => {
    expect(message(() => new here.Registry(there.createRegistry()))).toContain(
      'another copy of @odegrad/core',
    );
  });

  it('solvers, controllers and strategies of the other one work, and their errors are known', () => {
    const schedule: here.Schedule = {
      name: 'mine',
      retention: () => ({ keep: () => 'state', restore: () => () => 'stages' }),
    };
    const run = (solver: here.Solver, strategy: here.GradientStrategy): ReturnType<typeof runTrial> => {
      const trial: Trial = {
        field: neuralField(2, 3),
        y0: noiseVector(9, 2),
        ts: [0, 0.4, 1],
        method: { solver, stepping: { numSteps: 3 } },
      };
      return runTrial(strategy, trial);
    };
    const own = run(here.rungeKutta(rk4), here.scheduled(schedule));
    for (const [solver, strategy] of [
      [there.rungeKutta(rk4), here.scheduled(schedule)],
      [here.rungeKutta(rk4), there.scheduled(schedule)],
    ] as const) {
      expect(relativeError(run(solver, strategy).gradient, own.gradient)).toBe(0);
      // A plugin is a plain value, whoever's it is.
      const registry = here.createRegistry().use({ name: 'p', solvers: [solver], gradients: [strategy] });
      expect(registry.get('gradient', 'mine')).toBe(strategy);
      expect(registry.get('solver', 'rk4')).toBe(solver);
    }
    expect(() => run(here.rungeKutta({ ...rk4, b: [] }), there.scheduled(schedule))).toThrow(
      here.TableauError,
    );
    const aborted = { solver: here.rungeKutta(rk4), stepping: { numSteps: 3 }, signal: AbortSignal.abort() };
    expect(() =>
      runTrial(there.scheduled(schedule), {
        field: neuralField(2, 3),
        y0: noiseVector(9, 2),
        ts: [0, 1],
        method: aborted,
      }),
    ).toThrow(here.SolveError);
  });
});
