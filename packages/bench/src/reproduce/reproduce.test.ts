import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Writable } from 'node:stream';
import * as tf from '@tensorflow/tfjs';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { run } from '../program.ts';
import { experiments } from './experiments.ts';
import type { Outcome } from './experiment.ts';
import { pointsOf } from './memory/ledger-sweep.ts';
import { measureMemory } from './memory/memory.ts';
import { reproductionPage } from './page.ts';
import { cahnHilliardEquation, kdvEquation } from './pde/equation.ts';
import { learnEquation } from './pde/pde.ts';
import { printOutcome, printRecords } from './print.ts';
import { measureRobustness } from './robustness/robustness.ts';

const setting = { full: false, engine: 'onnx', note: () => undefined };
const training = { hidden: 6, batch: 3, iterations: 3, learningRate: 0.01 };

function sink(): { stream: Writable; text: () => string } {
  let written = '';
  const stream = new Writable({
    write(chunk: Buffer, _encoding, done) {
      written += chunk.toString();
      done();
    },
  });
  return { stream, text: () => written };
}

async function odegrad(...args: string[]): Promise<{ status: number; out: string; err: string }> {
  const [out, err] = [sink(), sink()];
  const status = await run(args, { out: out.stream, err: err.stream });
  return { status, out: out.text(), err: err.text() };
}

const verdicts = ({ claims }: Outcome): Record<string, string> =>
  Object.fromEntries(claims.map(({ claim, verdict }) => [claim, verdict]));

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'odegrad-'));
});
afterAll(async () => {
  await rm(folder, { recursive: true });
});

describe('odegrad reproduce', () => {
  it('explains itself, and refuses what makes no sense before it works', async () => {
    const { out } = await odegrad('reproduce', '--help');
    for (const { name } of experiments) expect(out).toMatch(new RegExp(`^ {2}${name} `, 'm'));
    expect(out).toMatch(/^ {2}all /m);
    expect((await odegrad('reproduce', 'kvd')).err).toMatch(/Did you mean 'kdv'/);
    expect((await odegrad('reproduce', 'memory', '--quick', '--full')).status).toBe(2);
    const { status, err } = await odegrad('reproduce', 'all', '--data', 'x.csv');
    expect([status, err]).toEqual([2, expect.stringMatching(/'memory' makes its own data/)]);
    const missing = await odegrad('reproduce', 'cnf', '--data', join(folder, 'no.csv'));
    expect([missing.status, missing.err]).toEqual([2, expect.stringMatching(/cannot be read/)]);
  });
});

describe('memory', () => {
  it('finds the laws of the table in the ledger, and compares processes', { timeout: 240_000 }, async () => {
    const first = { steps: 2, tableau: 'rk4', layers: 2, components: 1 };
    const outcome = await measureMemory(setting, {
      ledger: pointsOf({ N: [2, 4], s: ['rk4', 'dopri5'], L: [2, 4], M: [1, 2] }),
      processes: { first, far: { N: { ...first, steps: 4 } }, width: 4, batch: 8 },
    });
    const found = verdicts(outcome);
    // Nothing was tried in processes along s, L and M.
    const laws = Object.entries(found).filter(([claim]) => /checkpoints O|memory for backprop/.test(claim));
    expect(laws).toHaveLength(9);
    for (const [claim, verdict] of laws)
      expect([claim, verdict]).toEqual([claim, 'shown in the ledger only']);
    const costs = Object.entries(found).filter(([claim]) => claim.includes('cost O'));
    expect(costs.map(([, verdict]) => verdict)).toEqual(['shown', 'shown', 'shown', 'shown']);
    expect(outcome.records.filter((row) => 'kind' in row && row.kind === 'process')).toHaveLength(10);
    expect((await outcome.figures())[0]!.svg).toMatch(/^<svg role="img"/);
  });
});

describe('robustness', () => {
  it('finds exact gradients exact, and the adjoint’s not', { timeout: 240_000 }, async () => {
    const before = tf.memory().numTensors;
    const outcome = await measureRobustness(setting, {
      rows: 2,
      points: 12,
      tolerances: [1e-2, 1e-4],
      training,
    });
    expect(tf.memory().numTensors).toBe(before);
    expect(outcome.claims.slice(0, 3).map(({ verdict }) => verdict)).toEqual(['shown', 'shown', 'not shown']);
    expect(outcome.records).toHaveLength(3 * 2 * 5);
    expect(await outcome.figures()).toHaveLength(6);
  });
});

describe.each([kdvEquation, cahnHilliardEquation])('$name', (equation) => {
  it('trains, predicts and observes, and leaves nothing behind', async () => {
    const before = tf.memory().numTensors;
    const outcome = await learnEquation(equation, setting, {
      points: 12,
      rows: 2,
      outputs: 6,
      strategies: ['backprop', 'symplectic', 'adjoint'],
      training,
      tolerance: 1e-2,
    });
    expect(tf.memory().numTensors).toBe(before);
    const found = verdicts(outcome);
    expect(found['And keeps its mass']).toBe('shown');
    expect(Object.keys(found)).toHaveLength(5);
    const [backprop, symplectic] = outcome.records as [{ losses: number[] }, { losses: number[] }];
    for (const [i, loss] of backprop.losses.entries()) expect(symplectic.losses[i]).toBeCloseTo(loss, 4);

    const [out, err] = [sink(), sink()];
    printOutcome(outcome, { out: out.stream, err: err.stream });
    expect(out.text()).toContain(`${equation.title}: an energy learned from data`);
    const lines = sink();
    printRecords(outcome, { out: lines.stream, err: err.stream });
    const rows = lines
      .text()
      .trimEnd()
      .split('\n')
      .map((text) => JSON.parse(text) as { experiment: string; kind: string });
    expect(rows.map(({ kind }) => kind)).toEqual([
      ...Array<string>(3).fill('training'),
      ...Array<string>(5).fill('claim'),
    ]);
    expect(new Set(rows.map(({ experiment }) => experiment))).toEqual(new Set([equation.name]));
    const page = await reproductionPage([outcome], 'Tiny.');
    expect(page).toContain('The data');
    expect(page).not.toMatch(/https?:|NaN|undefined/);
  });
});
