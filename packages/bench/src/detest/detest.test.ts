import * as tf from '@tensorflow/tfjs';
import { runCommand, type Ran } from '@odegrad/testkit';
import { beforeAll, describe, expect, it } from 'vitest';
import { adaptiveSolvers } from '../names.ts';
import { run } from '../program.ts';
import { registry } from '../registry.ts';
import { measureDetest, type DetestRun } from './measure.ts';
import { detestProblems } from './problems.ts';
import { stepError } from './step-error.ts';
import { detestTable, isWithin } from './table.ts';

type Row = readonly [
  tableau: string,
  tolerance: number,
  worst: readonly [A: number, B: number, C: number, D: number, E: number],
  within: number,
  evaluations: number,
];

// What `odegrad detest` printed when this was written, of errors two digits.
const found: readonly Row[] = [
  ['adaptive_heun', 1e-4, [9.9, 8, 18, 130, 2.8], 19, 45391],
  ['adaptive_heun', 1e-6, [11, 21, 20, 150, 2.8], 17, 448384],
  ['adaptive_heun', 1e-8, [Infinity, Infinity, 20, Infinity, Infinity], 12, 2825791],
  ['fehlberg2', 1e-4, [350, 5100, 640, 21000, 700], 0, 5556],
  ['fehlberg2', 1e-6, [320, 6800, 1600, 8900, 720], 0, 43145],
  ['fehlberg2', 1e-8, [250, 7500, 1900, 15000, 700], 1, 420943],
  ['bosh3', 1e-4, [18, 140, 14, 340, 12], 14, 8819],
  ['bosh3', 1e-6, [43, 150, 24, 280, 11], 14, 36602],
  ['bosh3', 1e-8, [62, 150, 27, 280, 11], 14, 167237],
  ['fehlberg45', 1e-4, [11, 54, 0.69, 1000, 37], 14, 6389],
  ['fehlberg45', 1e-6, [25, 71, 2.4, 1400, 17], 14, 12953],
  ['fehlberg45', 1e-8, [31, 51, 4.3, 640, 9.3], 17, 29100],
  ['cash_karp', 1e-4, [7.4, 70, 0.76, 330, 30], 17, 5472],
  ['cash_karp', 1e-6, [7.6, 40, 1.2, 530, 40], 16, 10924],
  ['cash_karp', 1e-8, [10, 15, 4.2, 590, 20], 16, 23653],
  ['dopri5', 1e-4, [0.24, 11, 0.89, 1600, 24], 17, 6314],
  ['dopri5', 1e-6, [1.9, 15, 3, 870, 11], 18, 12398],
  ['dopri5', 1e-8, [1.4, 8.2, 5.5, 310, 5.3], 20, 27002],
  ['tsit5', 1e-4, [0.82, 22, 0.39, 500, 22], 17, 6200],
  ['tsit5', 1e-6, [2, 11, 1.3, 190, 5.8], 20, 12320],
  ['tsit5', 1e-8, [1.1, 5.7, 1.7, 37, 1.7], 22, 26762],
  ['dopri8', 1e-4, [0.13, 1.7, 0.069, 36, 0.11], 22, 8425],
  ['dopri8', 1e-6, [0.16, 3.9, 0.037, 150, 0.41], 22, 12572],
  ['dopri8', 1e-8, [0.19, 5.5, 0.094, 23, 0.12], 21, 19567],
  ['trbdf2', 1e-4, [39, 270, 33, 1400, 51], 12, 20726],
  ['trbdf2', 1e-6, [420, 1300, 210, 12000, 240], 9, 90810],
  ['trbdf2', 1e-8, [2500, 5800, 1100, 69000, 1100], 4, 416807],
  ['kvaerno3', 1e-4, [4.8, 55, 2.8, 250, 2.2], 18, 31561],
  ['kvaerno3', 1e-6, [9.2, 57, 4.8, 260, 2.5], 18, 132465],
  ['kvaerno3', 1e-8, [12, 59, 5.5, 260, 2.5], 17, 607837],
  ['kvaerno5', 1e-4, [35, 64, 0.42, 1200, 6.7], 16, 16974],
  ['kvaerno5', 1e-6, [46, 59, 2.9, 4700, 5], 16, 31866],
  ['kvaerno5', 1e-8, [15, 100, 11, 2600, 5.1], 15, 68406],
];

// Three in the middle by default, all with ODEGRAD_ALL.
const tried = found.filter(
  ([tableau, tolerance]) =>
    process.env['ODEGRAD_ALL'] || (['bosh3', 'dopri5', 'tsit5'].includes(tableau) && tolerance === 1e-6),
);

beforeAll(() => tf.setBackend('cpu'));

describe.each(tried)('%s at a tolerance of %d', (tableau, tolerance, worst, within, evaluations) => {
  it('has the errors on DETEST that it had, for as many evaluations', { timeout: 300_000 }, () => {
    const method = { tableau, tolerance, maxSteps: 100_000, of: 'end' as const };
    const classes = Object.values(detestProblems).map((problems) =>
      problems.map((problem) => measureDetest(problem, method, registry)),
    );
    const runs = classes.flat();
    classes.forEach((solves, i) => {
      const largest = Math.max(...solves.map(({ error = Infinity }) => error));
      if (worst[i]! < Infinity) expect(largest).toBeLessThan(1.1 * worst[i]!);
    });
    expect(runs.filter(isWithin).length).toBeGreaterThanOrEqual(within);
    const spent = runs.reduce((sum, solve) => sum + solve.evaluations, 0);
    expect(Math.abs(spent / evaluations - 1)).toBeLessThan(0.01);
  });
});

describe('the error that a step adds', () => {
  // All but fehlberg2, whose estimates are too small by far; one by default, all with ODEGRAD_ALL.
  const tableaux = adaptiveSolvers.filter((name) =>
    process.env['ODEGRAD_ALL'] ? name !== 'fehlberg2' : name === 'tsit5',
  );
  it.each(tableaux)('is within 10 tolerances with %s', { timeout: 300_000 }, (tableau) => {
    const method = { tableau, tolerance: 1e-6, maxSteps: 100_000, of: 'step' as const };
    const beyond = Object.values(detestProblems)
      .flat()
      .map((problem) => measureDetest(problem, method, registry))
      .filter((solved) => !isWithin(solved))
      .map(({ problem }) => problem);
    expect(beyond).toEqual(tableau === 'kvaerno5' ? ['D5'] : []);
  });

  it('is that of the solution through where the step starts', () => {
    const [decay] = detestProblems['A']!;
    const ys = [{ shape: [4, 1], data: Float64Array.of(1, 0.5, 4, 4 * Math.exp(-2) + 3e-3) }];
    const expected = [0.5 - Math.exp(-1), 4 - 0.5 * Math.exp(-0.5), 3e-3];
    const error = stepError(decay!, { ts: [0, 1, 1.5, 3.5], ys }, registry);
    expect(error).toBeCloseTo(Math.max(...expected), 9);
    const last = { shape: [2, 1], data: ys[0]!.data.slice(2) };
    expect(stepError(decay!, { ts: [1.5, 3.5], ys: [last] }, registry)).toBeCloseTo(3e-3, 7);
  });
});

it('knows every adaptive tableau, at three tolerances', () => {
  expect(found.map(([tableau, tolerance]) => [tableau, tolerance])).toEqual(
    adaptiveSolvers.flatMap((tableau) => [1e-4, 1e-6, 1e-8].map((tolerance) => [tableau, tolerance])),
  );
});

describe('the table', () => {
  const solve = (problem: string, more: Partial<DetestRun>): DetestRun => ({
    ...{
      problem,
      title: '',
      tableau: 'rk',
      tolerance: 1e-6,
      status: 'finished' as const,
      of: 'end' as const,
    },
    ...{ evaluations: 100, accepted: 10, rejected: 1 },
    ...more,
  });

  it('names the problem where the worst error of a class is beyond 10 tolerances, or where there is none', () => {
    const runs = [
      solve('A1', { error: 0.123 }),
      solve('A2', { error: 10 }),
      solve('B1', { error: 10.6 }),
      solve('B2', { error: 2345 }),
      solve('C1', { error: 2345 }),
      solve('C2', { status: 'max-steps' }),
      solve('D1', { status: 'failed' }),
      ...['A1', 'B1', 'C1', 'D1'].map((problem) => solve(problem, { error: 1e-5, tolerance: 1e-8 })),
    ];
    const rows = detestTable(runs, ['A', 'B', 'C', 'D'])
      .split('\n')
      .filter((text) => text.includes('rk'))
      .map((text) => text.split('│').map((cell) => cell.trim()));
    expect(rows[0]!.slice(1, -1)).toEqual([
      ...['rk', '1e-6', '10', '2300 B2', 'unfinished C2', 'failed D1', '2 of 7', '700'],
    ]);
    expect(rows[1]!.slice(1, 4)).toEqual(['rk', '1e-8', '1.0e-5']);
  });
});

const odegrad = (...args: string[]): Promise<Ran> => runCommand(run, args);

describe('odegrad detest', () => {
  it('prints a table, and what ran out of steps', async () => {
    const options = ['--tableau', 'tsit5,bosh3', '--class', 'A,E', '--tolerance', '1e-4,2.5e-3'];
    const { status, out, err } = await odegrad('detest', ...options, '--max-steps', '150');
    expect([status, err]).toEqual([0, 'tsit5 …\nbosh3 …\n']);
    expect(out).toMatch(/tableau .* tolerance .* A .* E .* within 10 .* evaluations/);
    expect(out.match(/(tsit5|bosh3) .* (1e-4|2\.5e-3) .* of 10/g)).toHaveLength(4);
    expect(out).toMatch(/bosh3 .* 1e-4 .*unfinished E2 .* 5 of 10/);
  });

  it('prints a line of JSON for each solve', async () => {
    const { out, err } = await odegrad(
      'detest',
      '--tableau',
      'dopri8',
      '--class',
      'D',
      '--tolerance',
      '1e-8',
      '--json',
    );
    const solves = out
      .trimEnd()
      .split('\n')
      .map((text) => JSON.parse(text) as DetestRun);
    expect(solves.map(({ problem }) => problem)).toEqual(['D1', 'D2', 'D3', 'D4', 'D5']);
    expect(solves[0]).toMatchObject({
      ...{ title: 'an orbit of eccentricity 0.1', tableau: 'dopri8', tolerance: 1e-8, status: 'finished' },
      error: expect.any(Number) as number,
    });
    expect(err).toBe('');
  });

  it.each([
    [['--tableau', 'rk4'], /'rk4' estimates no error/],
    [['--class', 'F'], /No class 'F'\. .*A, B, C, D, E/],
    [['--tolerance', '1e-4,0'], /--tolerance.*positive number/],
    [['--tolerance', ''], /separated by commas/],
    [['--max-steps', '0'], /--max-steps.*whole number/],
  ])('refuses %j', async (args, message) => {
    const { status, out, err } = await odegrad('detest', ...args);
    expect(err).toMatch(message);
    expect([status, out]).toEqual([2, '']);
  });
});
