import { describe, expect, it } from 'vitest';
import { bookBytes, bookKept, bookTransient, countEvaluations, createLedger } from './ledger.ts';

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
    bookBytes(ledger, 100, false);
    bookBytes(ledger, 40, true);
    expect(ledger).toMatchObject({
      bytes: 140,
      bytesPeak: 140,
      activationBytes: 40,
      activationBytesPeak: 40,
    });
    bookBytes(ledger, -40, true);
    bookBytes(ledger, 10, true);
    expect(ledger).toMatchObject({
      bytes: 110,
      bytesPeak: 140,
      activationBytes: 10,
      activationBytesPeak: 40,
    });
  });

  it('books what an engine held within one call as a peak that is gone', () => {
    const ledger = createLedger();
    bookBytes(ledger, 10, true);
    bookTransient(ledger, 25);
    expect(ledger).toMatchObject({ bytes: 10, bytesPeak: 35, activationBytes: 10, activationBytesPeak: 35 });
  });

  it('books states kept apart from what is alive', () => {
    const ledger = createLedger();
    bookKept(ledger, 24);
    bookKept(ledger, 24);
    bookKept(ledger, -24);
    expect(ledger).toMatchObject({ keptStateBytes: 24, keptStateBytesPeak: 48, bytes: 0 });
  });
});
