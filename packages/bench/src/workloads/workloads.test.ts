import * as tf from '@tensorflow/tfjs';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { openEngine, type EngineChoice } from '../engines.ts';
import { registry } from '../registry.ts';
import { accuracyOf, referenceOf, resultsOf } from './accuracy.ts';
import { callRun, checkCalled, optionsOf } from './call.ts';
import { checkRun, disagreement } from './check.ts';
import { drawWorkload } from './draw.ts';
import { workloadField } from './fields.ts';
import { chainOf, findWorkload, methodOf, openWorkload, outputTimes } from './open.ts';
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

describe('the adaptive run with 300 uneven outputs', () => {
  const spec = findWorkload('series');
  const [name, run] = Object.entries(spec.runs)[0]!;
  const wanted = expected[name]!;

  it('has its times in order, from the first to the last, and no two alike', () => {
    const ts = outputTimes(run);
    expect([ts.length, ts[0], ts.at(-1)]).toEqual([300, 0, 10]);
    expect(new Set(ts).size).toBe(300);
    expect(ts).toEqual(ts.toSorted((a, b) => a - b));
  });

  it('is measured by a reference that another library confirms', () => {
    const field = workloadField(spec.name, drawWorkload(spec));
    const { outputs, gradient } = referenceOf(field, run);
    const norm = (numbers: readonly number[]): number =>
      Math.sqrt(numbers.reduce((sum, x) => sum + x * x, 0));
    const numbers = Array.from(gradient);
    const rows = field.y0[0]!.size;
    expect(norm(Array.from(outputs)) ** 2 / wanted.loss - 1).toBeCloseTo(0, 11);
    expect(norm(numbers.slice(0, rows)) / wanted.gnorm_y0 - 1).toBeCloseTo(0, 11);
    expect(norm(numbers.slice(rows)) / wanted.gnorm_params - 1).toBeCloseTo(0, 11);
    field.dispose();
  });

  it.each([
    ['wasm', 'symplectic'],
    ['onnx', 'symplectic'],
    ['tfjs:cpu', 'backprop'],
  ])('is as near to it as its tolerance on %s by %s', async (label, strategy) => {
    const before = tf.memory().numTensors;
    const { engine } = await openEngine(label, registry);
    const field = workloadField(spec.name, drawWorkload(spec));
    const called = callRun(field, run, optionsOf(run, engine, registry.get('gradient', strategy)));
    const { outputs, gradient } = accuracyOf(resultsOf(called, field), referenceOf(field, run));
    expect(outputs).toBeLessThan(run.rtol! / 10);
    expect(gradient).toBeLessThan(run.rtol! / 10);
    // The chain that `odegrad solve` differentiates has the same loss.
    const open = openWorkload(spec, engine);
    const chained = checkRun(chainOf(open, run), registry.get('gradient', strategy), methodOf(run, registry));
    const check = checkCalled(called);
    expect(
      disagreement(chained.check, check, { loss: 1e-5, gnorm_y0: 1e-5, gnorm_params: 1e-5 }),
    ).toBeUndefined();
    for (const part of [open, field, called]) part.dispose();
    expect(tf.memory().numTensors).toBe(before);
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
