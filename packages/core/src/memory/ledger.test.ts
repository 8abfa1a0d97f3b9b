import { createFloat64Engine } from '@odegrad/testkit';
import { describe, expect, it } from 'vitest';
import { bookKept, bookTransient, countEvaluations, createLedger } from './ledger.ts';
import { createMemory } from './memory.ts';

describe('the ledger', () => {
  it('begins empty', () => {
    const { phase, ...numbers } = createLedger();
    expect(phase).toBe('forward');
    expect(new Set(Object.values(numbers))).toEqual(new Set([0]));
  });

  it('counts evaluations in the pass that is running', () => {
    const ledger = createLedger();
    countEvaluations(ledger, 4);
    ledger.phase = 'backward';
    countEvaluations(ledger, 7);
    countEvaluations(ledger, 1);
    expect(ledger).toMatchObject({ evaluationsForward: 4, evaluationsBackward: 8 });
  });

  it('remembers the most bytes there were, of all and of activations', () => {
    const ledger = createLedger();
    const engine = createFloat64Engine();
    const memory = createMemory(engine, ledger);
    const linearize = (bytes: number): void => {
      const value = [engine.zeros(new Float64Array(1))];
      const pullback = () => ({ t: 0, y: [], parameters: [] });
      memory.adoptLinearization({ value, bytes, pullback, release: () => undefined });
    };
    memory.scope(() => {
      memory.engine.zeros(new Float64Array(5));
      memory.scope(() => {
        linearize(40);
        expect(ledger).toMatchObject({
          bytes: 88,
          bytesPeak: 88,
          activationBytes: 40,
          activationBytesPeak: 40,
        });
      });
      expect(ledger).toMatchObject({ bytes: 40, bytesPeak: 88, activationBytes: 0, activationBytesPeak: 40 });
      linearize(10);
      expect(ledger).toMatchObject({
        bytes: 58,
        bytesPeak: 88,
        activationBytes: 10,
        activationBytesPeak: 40,
      });
      // What an engine held within one call is a peak that is gone.
      bookTransient(ledger, 50);
      expect(ledger).toMatchObject({
        bytes: 58,
        bytesPeak: 108,
        activationBytes: 10,
        activationBytesPeak: 60,
      });
    });
    expect(ledger).toMatchObject({ bytes: 0, activationBytes: 0 });
    expect(engine.live()).toBe(0);
  });

  it('books states kept apart from what is alive', () => {
    const ledger = createLedger();
    bookKept(ledger, 24);
    bookKept(ledger, 24);
    bookKept(ledger, -24);
    expect(ledger).toMatchObject({ keptStateBytes: 24, keptStateBytesPeak: 48, bytes: 0 });
  });
});
