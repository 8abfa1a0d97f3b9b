import { runCommand, type Ran } from '@odegrad/testkit';
import { describe, expect, it } from 'vitest';
import { run } from '../program.ts';
import { inChild } from './in-child.ts';

/** Runs `odegrad memory` and gives what it wrote. */
const memory = (...args: string[]): Promise<Ran> => runCommand(run, ['memory', ...args]);

describe('odegrad memory', () => {
  it('explains itself, and refuses names before it measures anything', async () => {
    expect((await memory('--help')).out).toMatch(/Usage: odegrad memory[^]*Examples:\n {2}odegrad memory/);
    const { status, out, err } = await memory('--workloads', 'spirl');
    expect([status, out]).toEqual([2, '']);
    expect(err).toMatch(/Did you mean 'spiral'/);
    expect((await memory('--steps', '1.5')).err).toMatch(/whole number/);
  });

  it('prints a row for each process', async () => {
    const names = ['--workloads', 'spiral', '--strategies', 'symplectic', '--stepped', 'symplectic'];
    const { status, out } = await memory(...names, '--steps', '100', '--json');
    expect(status).toBe(0);
    const [resident, steps] = out
      .trimEnd()
      .split('\n')
      .map((text) => JSON.parse(text) as Record<string, unknown>);
    expect(resident).toMatchObject({ workload: 'spiral', components: 1, strategy: 'symplectic' });
    const { ratio, grownBytes, ledgerBytes } = resident as Record<string, number>;
    // JSON lines carry seven digits.
    expect(Math.abs(ratio! - grownBytes! / ledgerBytes!)).toBeLessThan(1e-5 * Math.abs(ratio!));
    expect(steps).toMatchObject({ strategy: 'symplectic', steps: 100, stateBytes: 8 });
  });
});

describe('the process beside the ledger', () => {
  const engine = 'onnx';

  it.each([
    ['symplectic', 20_000, 20_000],
    ['binomial', 5000, 21],
  ])(
    'takes at most 120 bytes for a step kept by %s, besides its state',
    async (strategy, steps, states) => {
      const { keptBytes, stateBytes } = await inChild({ kind: 'steps', engine, strategy, steps });
      expect(keptBytes - stateBytes).toBeLessThan(120);
      // Two numbers each.
      expect(stateBytes * steps).toBeLessThanOrEqual(8 * states);
    },
    240_000,
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
  }, 240_000);
});
