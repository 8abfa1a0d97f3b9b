import { describe, expect, it } from 'vitest';
import { ArgumentError, EngineError, RegistryError, SolveError, TableauError } from './errors.ts';

describe('errors', () => {
  it('have names of their own and are errors', () => {
    for (const [kind, name] of [
      [ArgumentError, 'ArgumentError'],
      [RegistryError, 'RegistryError'],
      [TableauError, 'TableauError'],
      [EngineError, 'EngineError'],
    ] as const) {
      const error = new kind('what');
      expect(error).toBeInstanceOf(Error);
      expect([error.name, error.message, String(error)]).toEqual([name, 'what', `${name}: what`]);
    }
  });

  it('say where a solve was', () => {
    const error = new SolveError('step-underflow', 'It broke', {
      t: 0.5,
      h: 1e-9,
      steps: 7,
      errorNorm: 12.3456,
    });
    expect(error.message).toBe('It broke (t = 0.5, h = 1e-9, after 7 steps, error norm 12.3)');
    expect(error).toMatchObject({ name: 'SolveError', code: 'step-underflow', t: 0.5, h: 1e-9, steps: 7 });
    expect(error.errorNorm).toBe(12.3456);
    const other = new SolveError('max-steps', 'It broke', { t: 1, h: 0, steps: 0 }, { cause: error });
    expect(other.message).toBe('It broke (t = 1, h = 0, after 0 steps)');
    expect(other.errorNorm).toBeUndefined();
    expect(other.cause).toBe(error);
  });
});
