import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createRandom } from '../../random.ts';
import { learnFlows, type FlowSizes } from './cnf.ts';
import { checkerboard, cornerMixture, eightGaussians, moons } from './distributions.ts';
import { readTable } from './table-data.ts';

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'odegrad-'));
});
afterAll(async () => {
  await rm(folder, { recursive: true });
});

async function fileOf(text: string): Promise<string> {
  const path = join(folder, 'table.csv');
  await writeFile(path, text);
  return path;
}

describe('distributions', () => {
  it('have densities that integrate to one', () => {
    const n = 200;
    const h = 8 / n;
    let mass = 0;
    for (let i = 0; i < n; i++)
      for (let j = 0; j < n; j++)
        mass += h * h * Math.exp(eightGaussians.logDensity!([-4 + h * (i + 0.5), -4 + h * (j + 0.5)]));
    expect(mass).toBeCloseTo(1, 3);
  });

  it('have the entropy of well separated Gaussians', () => {
    const [random, d] = [createRandom(3), 12];
    const distribution = cornerMixture(d, createRandom(8));
    const count = 4000;
    const mean =
      Array.from({ length: count }, () => distribution.logDensity!(distribution.draw(random))).reduce(
        (a, b) => a + b,
      ) / count;
    const apart = Math.log(5) + d * Math.log(0.5 * Math.sqrt(2 * Math.PI * Math.E));
    // Corners differ in a few of twelve columns, and so the Gaussians overlap a little.
    expect(-mean).toBeLessThan(apart + 0.1);
    expect(-mean).toBeGreaterThan(apart - 0.5);
  });

  it('are drawn where they are', () => {
    const random = createRandom(2);
    for (let i = 0; i < 200; i++) {
      const [x, y] = checkerboard.draw(random) as [number, number];
      expect(Math.abs(Math.floor(x) + Math.floor(y)) % 2).toBe(0);
      expect(Math.max(Math.abs(x), Math.abs(y))).toBeLessThanOrEqual(2);
      expect(Math.hypot(...moons.draw(random))).toBeLessThan(4);
    }
  });
});

describe('tables', () => {
  it('are read with and without names, and standardized', async () => {
    const lines = Array.from({ length: 24 }, (_, i) => `${i}, ${10 * (i % 3)}`);
    const bare = await readTable(await fileOf(lines.join('\n')));
    const named = await readTable(await fileOf(['a,b', ...lines, ''].join('\r\n')));
    expect(named).toEqual(bare);
    for (const j of [0, 1]) {
      const values = bare.rows.map((row) => row[j]!);
      expect(values.reduce((a, b) => a + b)).toBeCloseTo(0, 9);
      expect(values.reduce((a, b) => a + b * b, 0) / 24).toBeCloseTo(1, 9);
    }
    expect(bare.logScale).toBeCloseTo(Math.log(Math.sqrt((24 ** 2 - 1) / 12) * Math.sqrt(200 / 3)), 9);
  });

  it.each([
    ['1,2\n3,x', /line 2: 'x' is no number/],
    ['1,2\n3', /line 2: 1 numbers, but 2/],
    ['1,2\n3,4', /2 rows of numbers/],
    [Array.from({ length: 20 }, (_, i) => `${i},7`).join('\n'), /column 2 is the same number/],
  ])('say what is wrong with them (%#)', async (text, message) => {
    await expect(readTable(await fileOf(text))).rejects.toThrow(message);
  });

  it('that are not there are an error', async () => {
    await expect(readTable(join(folder, 'no.csv'))).rejects.toThrow(/cannot be read: no such file/);
  });
});

describe('flows', { timeout: 240_000 }, () => {
  const sizes: FlowSizes = {
    distributions: [eightGaussians, cornerMixture(4, createRandom(1))],
    plane: {
      components: 1,
      hidden: [6],
      activation: 'tanh',
      batch: 16,
      iterations: 2,
      learningRate: 0.02,
    },
    space: {
      components: 2,
      hidden: [6],
      activation: 'softplus',
      batch: 16,
      iterations: 2,
      learningRate: 0.02,
    },
    held: 40,
    tolerance: 1e-2,
    processes: 0,
  };
  const setting = { full: false, engine: 'onnx', note: () => undefined };

  it('are compared with what is known of the data', async () => {
    const outcome = await learnFlows(setting, sizes);
    expect(outcome.records).toMatchObject([
      { kind: 'flow', data: '8 gaussians', dimension: 2 },
      { kind: 'flow', dimension: 4 },
      ...['backprop', 'recompute', 'checkpoint', 'symplectic', 'adjoint'].map((strategy) => ({
        kind: 'gradient',
        strategy,
      })),
    ]);
    expect(outcome.claims.at(-1)).toMatchObject({ verdict: 'shown in the ledger only' });
    expect(outcome.claims[0]).toMatchObject({ verdict: 'not shown' });
    const figures = await outcome.figures();
    expect(figures.map(({ title }) => title)).toEqual([
      '8 gaussians: data',
      '8 gaussians: learned density',
      '8 gaussians: samples',
      '8 gaussians: likelihood',
      'mixture in 4 dimensions: data',
      'mixture in 4 dimensions: samples',
      'mixture in 4 dimensions: likelihood',
    ]);
  });

  it('learn a table, in its own units', async () => {
    const random = createRandom(6);
    const rows = Array.from({ length: 60 }, () =>
      [1000 * random.symmetric(1), random.symmetric(1)].join(','),
    );
    const outcome = await learnFlows({ ...setting, data: await fileOf(rows.join('\n')) }, sizes);
    const [record] = outcome.records as [{ data: string; held: number; gaussian: number }];
    expect(record.data).toBe('the table');
    // A uniform distribution over ±1000 and ±1 has log 4000 nats.
    expect(Math.abs(record.gaussian - Math.log(4000))).toBeLessThan(1);
    expect(Math.abs(record.held - Math.log(4000))).toBeLessThan(2);
  });
});
