import * as tf from '@tensorflow/tfjs';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { openEngine, type EngineChoice } from '../engines.ts';
import { registry } from '../registry.ts';
import { checkRun } from './check.ts';
import { drawWorkload } from './draw.ts';
import { chainOf, findWorkload, methodOf, openWorkload } from './open.ts';
import { expected, workloads } from './spec.ts';

describe('workloads', () => {
  it('draws arrays of the shapes and bounds that the file names', () => {
    for (const spec of Object.values(workloads)) {
      const { params, y0, consts } = drawWorkload(spec);
      const arrays = [...params, ...y0, ...consts];
      [...spec.params, ...spec.y0, ...spec.consts].forEach((wanted, i) => {
        const { values, shape } = arrays[i]!;
        expect(shape).toEqual(wanted.shape);
        const largest = values.reduce((max, x) => Math.max(max, Math.abs(x)), 0);
        const bound = Math.fround(wanted.bound ?? 1 / Math.sqrt(wanted.fan_in ?? 1));
        if (wanted.init === 'zeros') expect(largest).toBe(0);
        else expect(largest).toBeLessThanOrEqual(bound);
        if (wanted.init === 'sign') expect(new Set(values)).toEqual(new Set([-1, 1]));
      });
    }
  });

  it('suggests a name for one that is not there', () => {
    expect(() => findWorkload('spirl')).toThrow(/Did you mean 'spiral'/);
    expect(findWorkload('W5').name).toBe('kdv');
  });
});

describe('fixed-step runs agree with other libraries', () => {
  const engines: Record<string, EngineChoice> = {};
  beforeAll(async () => {
    for (const label of ['onnx', 'tfjs:wasm']) engines[label] = await openEngine(label, registry);
  });
  afterAll(async () => {
    await tf.setBackend('cpu');
  });

  // Their own spread is below 6e-7; ours is another order of summation in float32.
  const TOLERANCE = 2e-6;
  const exact = ['backprop', 'recompute', 'checkpoint', 'stages', 'symplectic'];
  const cases = ['W1-rk4', 'W2-dopri5', 'W3-rk4', 'W3-dopri5'].flatMap((run) =>
    exact.flatMap((strategy) => [[run, strategy, 'tfjs:wasm'] as const, [run, strategy, 'onnx'] as const]),
  );
  // Of those that take TensorFlow.js seconds two by default; the others, and one of half a minute, with ODEGRAD_ALL.
  const chosen = cases.filter(
    ([run, strategy, label]) =>
      process.env['ODEGRAD_ALL'] ||
      !(label === 'tfjs:wasm' && run.startsWith('W3')) ||
      [run, strategy].join() === 'W3-rk4,backprop' ||
      [run, strategy].join() === 'W3-dopri5,symplectic',
  );

  // The large ones, which TensorFlow.js takes minutes for.
  const large = [
    ['W5-rk4', 'symplectic', 'onnx'],
    ['W5-rk4', 'backprop', 'onnx'],
    ['W4-dopri5', 'stages', 'onnx'],
  ] as const;

  const long = process.env['ODEGRAD_ALL'] ? ([['W5-rk4', 'symplectic', 'tfjs:wasm']] as const) : [];
  it.each([...chosen, ...large, ...long])('%s by %s on %s', (name, strategy, label) => {
    const spec = Object.values(workloads).find((candidate) => name in candidate.runs)!;
    const run = spec.runs[name]!;
    const before = tf.memory().numTensors;
    const open = openWorkload(spec, engines[label]!.engine);
    const { check } = checkRun(
      chainOf(open, run),
      registry.get('gradient', strategy),
      methodOf(run, registry),
    );
    open.dispose();
    const wanted = expected[name]!;
    expect(Math.abs(check.loss / wanted.loss - 1)).toBeLessThan(TOLERANCE);
    expect(Math.abs(check.gnorm_y0 / wanted.gnorm_y0 - 1)).toBeLessThan(TOLERANCE);
    expect(Math.abs(check.gnorm_params / wanted.gnorm_params - 1)).toBeLessThan(TOLERANCE);
    expect(tf.memory().numTensors).toBe(before);
  });
});
