import * as tf from '@tensorflow/tfjs';
import { runCommand, type Ran } from '@odegrad/testkit';
import { expect, it } from 'vitest';
import { run } from './program.ts';
import type { Crossover } from './workloads/time-crossover.ts';

/** Runs a command line and gives what it wrote. */
const odegrad = (...args: string[]): Promise<Ran> => runCommand(run, args);

const small = ['--rows', '1,3', '--inputs', '2', '--hidden', '4', '--turns', '1'];

it('odegrad crossover times networks on two engines, and says what their modules weigh', async () => {
  const before = tf.memory().numTensors;
  const { status, out } = await odegrad('crossover', '--engines', 'wasm,tfjs:cpu', ...small, '--json');
  expect(status).toBe(0);
  const rows = out
    .trimEnd()
    .split('\n')
    .map((text) => JSON.parse(text) as Crossover);
  expect(rows.map(({ rows: count, inputs, hidden }) => [count, inputs, hidden])).toEqual([
    [1, 2, 4],
    [3, 2, 4],
  ]);
  expect(rows.map(({ mflop }) => mflop)).toEqual([36e-6, 108e-6]);
  for (const { engines, ratio } of rows) {
    expect(engines.map(({ engine }) => engine)).toEqual(['wasm', 'tfjs:cpu']);
    expect(engines[0].moduleBytes).toBeGreaterThan(500);
    expect(engines[1].moduleBytes).toBe(0);
    for (const { us, firstMs } of engines) expect(Math.min(us, firstMs)).toBeGreaterThan(0);
    expect(ratio).toBeGreaterThan(0);
  }
  expect(tf.memory().numTensors).toBe(before);
});

it('odegrad crossover prints a table by size, and wants two engines', async () => {
  const { status, out } = await odegrad('crossover', ...small);
  expect(status).toBe(0);
  expect(out).toMatch(/rows[^]*Mflop[^]*onnx \/ wasm/);
  const three = await odegrad('crossover', '--engines', 'wasm,onnx,tfjs', ...small);
  expect([three.status, three.out]).toEqual([2, '']);
  expect(three.err).toContain('give two');
});
