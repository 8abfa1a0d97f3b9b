import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import * as tf from '@tensorflow/tfjs';
import { runCommand, type Ran } from '@odegrad/testkit';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { run } from './program.ts';
import { expected } from './workloads/spec.ts';

/** Runs a command line and gives what it wrote. */
const odegrad = (...args: string[]): Promise<Ran> => runCommand(run, args);

type Row = Record<string, unknown>;
const rowsOf = (out: string): Row[] =>
  out
    .trimEnd()
    .split('\n')
    .map((text) => JSON.parse(text) as Row);

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'odegrad-'));
});
afterAll(async () => {
  await rm(folder, { recursive: true });
});

describe('the command line', () => {
  it('explains itself and ends well', async () => {
    for (const args of [
      ['--help'],
      ['help', 'gradients'],
      ['train', '--help'],
      ['solve', '--help'],
      ['against', '--help'],
    ]) {
      const { status, out, err } = await odegrad(...args);
      expect(status).toBe(0);
      expect(out).toMatch(/Usage: odegrad[^]*Examples:\n {2}odegrad /);
      expect(err).toBe('');
    }
  });

  it('prints its help where no command is given, as an error', async () => {
    const { status, out, err } = await odegrad();
    expect(status).toBe(2);
    expect(out).toBe('');
    expect(err).toContain('Usage: odegrad');
  });

  it.each([
    [['gradient'], /unknown command 'gradient'\s+\(Did you mean gradients\?\)/],
    [['gradients', '--step', '3'], /unknown option '--step'\s+\(Did you mean --steps\?\)/],
    [['gradients', '--steps', '1.5'], /--steps.*'1\.5'.*whole number from 1/],
    [['gradients', '--steps', ''], /whole number/],
    [['gradients', '--strategies', 'backprop,'], /separated by commas/],
    [
      ['train', 'lynxhare'],
      /No problem 'lynxhare'\. Did you mean 'lynx-hare'\? Allowed choices are lynx-hare, spiral/,
    ],
    [['help', 'trian'], /No command 'trian'\. Did you mean 'train'\?/],
    [['train', 'spiral', '--rtol', '-1'], /positive number/],
    [['solve', '--strategy', 'stages'], /required option '--workload/],
    [['against', '--workload', 'spiral'], /missing required argument 'program'/],
    [['against', '--workload', 'spiral', '--timeout', '1e9', '--', 'true'], /seconds, 2147483 at most/],
    [['field', '--workload', 'small', '--dtype', 'float16'], /float32, float64/],
    [['field', '--workload', 'small', '--threads', '100000'], /whole number from 1 to \d+\./],
    [['solve', '--workload', 'small', '--strategy', 'auto'], /--max-bytes/],
    [['gradients', '--engine', 'tfjs:'], /a backend: tfjs, tfjs:cpu/],
    [['gradients', '--engine', 'tfjs:cpu:wasm'], /a backend: tfjs, tfjs:cpu/],
    [['gradients', '--engine', 'onnx:cuda'], /'onnx' has no backends/],
    [
      ['gradients', '--engine', 'replay:cpu', '--dtype', 'float64'],
      /'replay:cpu' computes in float32 alone.*engine 'onnx'/,
    ],
    [['gradients', '--strategies', 'auto'], /give --max-bytes/],
    [
      ['gradients', '--strategies', 'auto', '--max-bytes', '10', '--engine', 'tfjs:cpu'],
      /--max-bytes 10 is too small: .* \d+ at least/,
    ],
    [['solve', '--workload', 'constructor'], /No workload 'constructor'/],
    [['solve', '--workload', 'W1', '--run', 'toString'], /no run 'toString'/],
    [['train', 'spiral', '--report', '/'], /'\/' cannot be written: it is a folder/],
    [['demo', '--report', 'nowhere/report.html'], /cannot be written: no such file or directory/],
  ])('refuses %j', async (args, message) => {
    const { status, out, err } = await odegrad(...args);
    expect(err).toMatch(message);
    expect(err).toMatch(/^odegrad: /);
    expect(out).toBe('');
    expect(status).toBe(2);
  });

  it.each([
    [['gradients', '--strategies', 'backprob'], /No gradient 'backprob'\. Did you mean 'backprop'\?/],
    [['gradients', '--tableau', 'dopri6'], /No solver 'dopri6'\. Did you mean 'dopri5'/],
    [['gradients', '--engine', 'tfsj'], /No engine 'tfsj'\. Did you mean 'tfjs'/],
    [['gradients', '--engine', 'tfjs:webgl'], /no backend 'webgl' here\. There are: .*cpu/],
    [['solve', '--workload', 'W1', '--run', 'W1-rk5'], /no run 'W1-rk5'\. Did you mean 'W1-rk4'/],
    [['solve', '--workload', 'cfn'], /No workload 'cfn'\. Did you mean 'cnf'/],
    [['train', 'spiral', '--engine', 'tfjs:cpu', '--solver', 'rk4'], /estimates no error/],
  ])('says what is wrong with %j, in words of the command line', async (args, message) => {
    const { numTensors } = tf.memory();
    const { status, out, err } = await odegrad(...args);
    expect(err).toMatch(message);
    expect(err).not.toMatch(/registry|plugin|numSteps/);
    expect(out).toBe('');
    expect(status).toBe(2);
    expect(tf.memory().numTensors).toBe(numTensors);
  });

  it.each(['--version', '-V'])('gives its version for %s', async (flag) => {
    const { version } = JSON.parse(await readFile(new URL('../package.json', import.meta.url), 'utf8')) as {
      version: string;
    };
    expect(await odegrad(flag)).toEqual({ status: 0, out: `${version}\n`, err: '' });
  });

  it('explains no command at all with help alone', async () => {
    expect((await odegrad('help')).out).toBe((await odegrad('--help')).out);
  });
});

describe('odegrad gradients', () => {
  const args = [
    'gradients',
    '--steps',
    '3',
    '--layers',
    '2',
    '--width',
    '4',
    '--batch',
    '5',
    '--engine',
    'tfjs:cpu',
  ];

  it('prints one object for each strategy and nothing else', async () => {
    const { numTensors } = tf.memory();
    const { status, out, err } = await odegrad(...args, '--components', '2', '--tableau', 'dopri5', '--json');
    expect(status).toBe(0);
    expect(err).toBe('');
    const rows = rowsOf(out);
    expect(rows.map((row) => row['strategy'])).toEqual([
      'backprop',
      'recompute',
      'checkpoint',
      'stages',
      'symplectic',
      'adjoint',
    ]);
    for (const row of rows) {
      expect(Object.keys(row)).toEqual([
        'strategy',
        'exact',
        'engine',
        'tableau',
        'steps',
        'stages',
        'layers',
        'components',
        'stateBytes',
        'keptStateBytes',
        'activationBytesPeak',
        'evaluationsForward',
        'evaluationsBackward',
        'pullbacks',
        'gradientError',
        'forwardMs',
        'backwardMs',
      ]);
      expect(row).toMatchObject({
        exact: row['strategy'] !== 'adjoint',
        tableau: 'dopri5',
        steps: 3,
        stages: 6,
        layers: 2,
        components: 2,
        stateBytes: 80,
        evaluationsForward: 36,
      });
    }
    expect(tf.memory().numTensors).toBe(numTensors);
  });

  it('gives the same counts and gradients again, and others for another seed', async () => {
    const seeded = async (seed: string): Promise<unknown> => {
      const { out } = await odegrad(...args, '--strategies', 'adjoint', '--seed', seed, '--json');
      return rowsOf(out)[0]!['gradientError'];
    };
    expect(await seeded('5')).toBe(await seeded('5'));
    expect(await seeded('5')).not.toBe(await seeded('6'));
  });

  it('says what budgets cost', async () => {
    const budgets = ['--strategies', 'binomial,online,auto', '--checkpoints', '3', '--max-bytes', '4000'];
    const { out } = await odegrad(...args, '--steps', '12', ...budgets, '--json');
    const [binomial, online, auto] = rowsOf(out);
    // t(12, 3) − 11 = 3·12 − C(6, 2) − 11.
    expect(binomial).toMatchObject({
      checkpoints: 3,
      extraSteps: 10,
      extraStepsOptimal: 10,
      maxBytes: null,
    });
    expect(online!['extraSteps']).toBeGreaterThanOrEqual(10);
    expect(auto).toMatchObject({ checkpoints: null, extraStepsOptimal: null, maxBytes: 4000 });
  });

  it('prints a table without --json', async () => {
    const { out } = await odegrad(...args, '--strategies', 'symplectic,checkpoint');
    expect(out).toMatch(/strategy.*activations[^]*symplectic[^]*checkpoint/);
  });
});

describe('odegrad solve and odegrad field', () => {
  it('times a solve', async () => {
    const { status, out, err } = await odegrad(
      ...[
        'solve',
        '--workload',
        'W1',
        '--strategy',
        'backprop,stages',
        '--engine',
        'tfjs:cpu',
        '--runs',
        '2',
      ],
      '--json',
    );
    expect([status, err]).toEqual([0, '']);
    const rows = rowsOf(out);
    expect(rows.map((row) => row['strategy'])).toEqual(['backprop', 'stages']);
    for (const row of rows) {
      expect(row).toMatchObject({
        workload: 'spiral',
        engine: 'tfjs:cpu',
        tableau: 'rk4',
        steps: 40,
        nfe: 160,
      });
      for (const name of ['forwardMs', 'gradMs', 'traceMs', 'overhead', 'peakMb'])
        expect(row[name]).toBeGreaterThan(0);
    }
    // stages evaluates each stage once more in the backward pass.
    expect(rows.map((row) => [row['evaluations'], row['pullbacks']])).toEqual([
      [160, 160],
      [320, 160],
    ]);
  });

  it('solves adaptive runs', async () => {
    const { out } = await odegrad(
      ...[
        'solve',
        '--workload',
        'spiral',
        '--run',
        'W1-dopri5-adaptive',
        '--engine',
        'tfjs:cpu',
        '--runs',
        '1',
        '--json',
      ],
    );
    // Nine intervals between outputs, each one step at least.
    expect(rowsOf(out)[0]!['steps']).toBeGreaterThanOrEqual(9);
  });

  it('times a field', async () => {
    const { status, out, err } = await odegrad(
      ...['field', '--workload', 'small', '--engines', 'tfjs:cpu,tfjs:wasm', '--runs', '2', '--json'],
    );
    expect([status, err]).toEqual([0, '']);
    const rows = rowsOf(out);
    expect(rows.map((row) => row['engine'])).toEqual(['tfjs:cpu', 'tfjs:wasm']);
    for (const row of rows) {
      expect(row).toMatchObject({ workload: 'small', dtype: 'float32', threads: 1 });
      for (const name of ['evaluateUs', 'vjpUs']) expect(row[name]).toBeGreaterThan(0);
      for (const name of ['traceMs', 'loadMs']) expect(row[name]).toBeGreaterThanOrEqual(0);
      expect(Math.abs((row['check'] as { loss: number }).loss / 3510.9787 - 1)).toBeLessThan(2e-6);
    }
  });
});

describe('odegrad against', () => {
  /** A program that takes as many milliseconds as it likes, and claims this check. */
  const peer = (check: object, more: object = {}): string[] => {
    const first = JSON.stringify(JSON.stringify({ name: 'sloth', check, ...more }));
    const answers = "require('readline').createInterface({ input: process.stdin })";
    return [
      process.execPath,
      '-e',
      `console.log(${first}); ${answers}.on('line', (n) => console.log(4000 * parseInt(n)));`,
    ];
  };
  const args = ['against', '--workload', 'spiral', '--strategy', 'backprop,stages', '--engine', 'onnx'];
  const { loss, gnorm_y0, gnorm_params } = expected['W1-rk4']!;

  it('gives the ratio of the times, turn by turn', async () => {
    const { numTensors } = tf.memory();
    const ask = [...args, '--turns', '3', '--json', '--', ...peer({ loss, gnorm_y0, gnorm_params })];
    const { status, out, err } = await odegrad(...ask);
    expect([status, err]).toEqual([0, '']);
    const rows = rowsOf(out);
    expect(rows.map((row) => row['strategy'])).toEqual(['backprop', 'stages']);
    for (const row of rows) {
      expect(row).toMatchObject({
        workload: 'spiral',
        engine: 'onnx',
        peer: 'sloth',
        turns: 3,
        peerMs: 4000,
      });
      const [low, ratio, high] = ['ratioLow', 'ratio', 'ratioHigh'].map((name) => row[name] as number);
      expect(low).toBeLessThanOrEqual(ratio!);
      expect(ratio).toBeLessThanOrEqual(high!);
      // Of three turns, the median is one and the same of them.
      expect(ratio! * (row['gradMs'] as number)).toBeCloseTo(4000, 3);
    }
    expect(tf.memory().numTensors).toBe(numTensors);
  });

  it('prints a table without --json', async () => {
    const { out } = await odegrad(...args, '--turns', '1', '--', ...peer({ loss, gnorm_y0, gnorm_params }));
    expect(out).toMatch(/strategy.*its time[^]*backprop.*sloth.*4000\.00 ms/);
  });

  it('compares solves, evaluations and accuracy of adaptive runs', async () => {
    const run = ['against', '--workload', 'series', '--engine', 'wasm', '--turns', '1'];
    const told = { forward: true, first_ms: 77, evaluations: { forward: 9, backward: 8, pullbacks: 7 } };
    // Results of nothing but zeros are as wrong as they are large.
    const results = { outputs: new Array(300 * 32 * 4).fill(0), gradient: new Array(32 * 4 + 324).fill(0) };
    const check = expected['W6-dopri5-adaptive']!;
    const [row] = rowsOf((await odegrad(...run, '--json', '--', ...peer(check, { ...told, results }))).out);
    expect(row).toMatchObject({
      peerFirstMs: 77,
      peerEvaluations: told.evaluations,
      peerAccuracy: { outputs: 1, gradient: 1 },
    });
    expect(row!['firstMs']).toBeGreaterThan(0);
    expect(row!['forward']).toMatchObject({ peerMs: 4000 });
    const { outputs, gradient } = row!['accuracy'] as Record<string, number>;
    expect(Math.max(outputs!, gradient!)).toBeLessThan(1e-5);

    const { out } = await odegrad(...run, '--', ...peer(check, { ...told, results }));
    expect(out).toMatch(
      /solve.*sloth[^]*symplectic.*gradient.*sloth[^]*error of outputs[^]*sloth.*77 ms.*9.*8.*7.*1\.0e\+0/,
    );
    // A tolerance of ours takes fewer evaluations, and no peer with constant steps has one.
    const evaluations = ({ forward }: Record<string, number>): number => forward!;
    const [coarse] = rowsOf((await odegrad(...run, '--rtol', '1e-3', '--json', '--', ...peer(check))).out);
    expect(evaluations(coarse!['evaluations'] as Record<string, number>)).toBeLessThan(
      evaluations(row!['evaluations'] as Record<string, number>),
    );
    const fixed = await odegrad(...args, '--rtol', '1e-3', '--', ...peer({ loss, gnorm_y0, gnorm_params }));
    expect([fixed.status, fixed.err]).toEqual([2, expect.stringMatching(/--rtol.*adaptive/)]);
    const short = { outputs: results.outputs, gradient: [1] };
    const { status, err } = await odegrad(...run, '--', ...peer(check, { results: short }));
    expect([status, err]).toEqual([1, expect.stringMatching(/'gradient' has 1 numbers, .* 452\./)]);
  });

  it.each([
    ['loss', { loss: loss * 1.0001, gnorm_y0, gnorm_params }],
    ['gnorm_y0', { loss, gnorm_y0: gnorm_y0 * 1.01, gnorm_params }],
    ['gnorm_params', { loss, gnorm_y0, gnorm_params: Number.NaN }],
  ])('refuses a program with another %s', async (name, check) => {
    const { numTensors } = tf.memory();
    const { status, out, err } = await odegrad(...args, '--', ...peer(check));
    expect(status).toBe(1);
    expect(out).toBe('');
    expect(err).toMatch(
      name === 'gnorm_params' ? /name and check/ : new RegExp(`something else: its ${name} is`),
    );
    expect(tf.memory().numTensors).toBe(numTensors);
  });
});

describe('odegrad train', () => {
  it('prints iterations and the result as JSON, progress elsewhere', async () => {
    const { numTensors } = tf.memory();
    const args = ['train', 'lynx-hare', '--iterations', '20', '--engine', 'tfjs:cpu', '--json'];
    const first = await odegrad(...args);
    expect(first.status).toBe(0);
    const rows = rowsOf(first.out);
    expect(rows).toHaveLength(21);
    expect(rows.slice(0, 20).map((row) => row['iteration'])).toEqual(
      Array.from({ length: 20 }, (_, i) => i + 1),
    );
    expect(rows.at(-1)).toMatchObject({
      type: 'result',
      problem: 'lynx-hare',
      gradient: 'symplectic',
      seed: 1,
    });
    expect(first.err).toMatch(
      /^(iteration \d+\/20 {2}loss [\d.]+ {2}[\d.]+ steps\/s {2}[\d,]+ evaluations\n){11}$/,
    );
    const losses = (out: string): unknown[] => rowsOf(out).map((row) => row['loss']);
    const again = await odegrad(...args);
    expect(losses(again.out)).toEqual(losses(first.out));
    const other = await odegrad(...args, '--seed', '2');
    expect(losses(other.out)).not.toEqual(losses(first.out));
    expect(tf.memory().numTensors).toBe(numTensors);
  });

  it('says of a fit that is worse than none that it is', async () => {
    const args = ['train', 'spiral', '--iterations', '1', '--engine', 'tfjs:cpu', '--solver', 'bosh3'];
    const { status, out } = await odegrad(...args);
    expect(status).toBe(0);
    expect(out).toMatch(
      /worse than predicting the mean \(2\.\d\d times its squared error\) after 1 iteration in/,
    );
    expect(out).not.toContain('%');
  });

  it('says that a training diverged', async () => {
    const args = ['train', 'lynx-hare', '--iterations', '1', '--learning-rate', '1e38', '--engine', 'onnx'];
    const { numTensors } = tf.memory();
    const { status, out, err } = await odegrad(...args);
    expect([status, out]).toEqual([1, '']);
    expect(err).toMatch(/\nodegrad: After 1 iteration: .*try a smaller --learning-rate/);
    expect(tf.memory().numTensors).toBe(numTensors);
  });

  it('lowers the loss of the spiral with another gradient and solver', async () => {
    const file = join(folder, 'spiral.html');
    const engine = process.env['ODEGRAD_ALL'] ? 'tfjs:cpu' : 'wasm';
    const { out } = await odegrad(
      ...['train', 'spiral', '--iterations', '40', '--engine', engine, '--gradient', 'checkpoint'],
      ...['--solver', 'bosh3', '--report', file, '--json'],
    );
    const losses = rowsOf(out)
      .slice(0, -1)
      .map((row) => row['loss'] as number);
    const mean = (list: number[]): number => list.reduce((a, b) => a + b) / list.length;
    expect(mean(losses.slice(-10))).toBeLessThan(0.6 * mean(losses.slice(0, 10)));
    expect(await readFile(file, 'utf8')).toContain('A spiral');
  });
});

describe('odegrad demo', () => {
  it(
    'explains at least 90 % of the variance and writes a page that stands alone',
    { timeout: 120_000 },
    async () => {
      const file = join(folder, 'demo.html');
      const { status, out } = await odegrad('demo', '--report', file);
      expect(status).toBe(0);
      const explained = Number(/([\d.]+) % of the variance/.exec(out)![1]);
      expect(explained).toBeGreaterThanOrEqual(90);
      for (const strategy of ['backprop', 'recompute', 'checkpoint', 'stages', 'symplectic', 'adjoint']) {
        expect(out).toContain(strategy);
      }
      expect(out).toContain(`Report: ${file}`);
      const page = await readFile(file, 'utf8');
      expect(/https?:|\/\/|<script|<link|<img|url\(|@import/.exec(page)).toBeNull();
      const drawings = page.match(/<svg [^>]*>/g)!;
      expect(drawings).toHaveLength(5);
      for (const drawing of drawings)
        expect(drawing).toMatch(/role="img".*aria-label="[^"]{20,}"|aria-label="[^"]{20,}".*role="img"/);
    },
  );
});
