import { describe, expect, it } from 'vitest';
import { inChild } from './in-child.ts';

describe('the process beside the ledger', () => {
  const engine = 'onnx';

  it.each(['symplectic', 'binomial'])(
    'takes at most 120 bytes for a step kept by %s, besides its state',
    async (strategy) => {
      const { keptBytes, stateBytes } = await inChild({ kind: 'steps', engine, strategy, steps: 20_000 });
      expect(keptBytes - stateBytes).toBeLessThan(120);
      // A state of two numbers for each step, or of 20 steps.
      expect(stateBytes * 20_000).toBe(8 * (strategy === 'symplectic' ? 20_000 : 21));
    },
  );

  it('grows with the ledger, not with a multiple of it', async () => {
    const task = { kind: 'resident', engine, workload: 'kdv', components: 1 } as const;
    const measured = [];
    for (const strategy of ['forward', 'symplectic', 'backprop'])
      measured.push(await inChild({ ...task, strategy }));
    const [base, ...rest] = measured;
    for (const { residentBytes, ledgerBytes } of rest)
      expect(residentBytes - base!.residentBytes).toBeLessThan(2 * ledgerBytes + 60e6);
    const [symplectic, backprop] = rest;
    expect(symplectic!.residentBytes).toBeLessThan(backprop!.residentBytes);
  });
});
