import * as tf from '@tensorflow/tfjs';
import { beforeAll, describe, expect, it } from 'vitest';
import { registry } from '../registry.ts';
import { explainedVariance, quality } from '../train/fit.ts';
import { hudsonBay } from './hudson-bay.ts';
import { problems } from './index.ts';
import { thinned } from './series.ts';

beforeAll(async () => {
  tf.env().set('PROD', true);
  await tf.setBackend('cpu');
});

describe('the Hudson Bay record', () => {
  it('has a number for each of 21 years', () => {
    const { years, hare, lynx } = hudsonBay;
    expect([years.length, hare.length, lynx.length]).toEqual([21, 21, 21]);
    expect([years[0], years.at(-1)]).toEqual([1900, 1920]);
    const sum = (list: readonly number[]): number => list.reduce((a, b) => a + b);
    expect(sum(hare)).toBeCloseTo(715.7, 6);
    expect(sum(lynx)).toBeCloseTo(423.5, 6);
  });
});

describe.each(problems.map((problem) => [problem.name, problem] as const))('%s', (_name, problem) => {
  it('draws the same model from the same seed', () => {
    const weights = (seed: number): number[] => {
      const model = problem.open(seed);
      const numbers = model.variables.flatMap((v) => [...v.dataSync<'float32'>()]);
      model.dispose();
      return numbers;
    };
    expect(weights(3)).toEqual(weights(3));
    expect(weights(3)).not.toEqual(weights(4));
  });

  it('has observations that its presentation puts into the units of the data', () => {
    const { observed, presentation, dispose } = problem.open(1);
    expect(presentation.quantities).toHaveLength(observed.values.length);
    for (const series of observed.values) expect(series).toHaveLength(observed.times.length);
    if (problem.name === 'lynx-hare') {
      observed.values[1]!.forEach((x, i) => {
        expect(presentation.valueOf(x, 1)).toBeCloseTo(hudsonBay.lynx[i]!, 9);
      });
      expect(presentation.timeOf(observed.times[20]!)).toBe(1920);
    }
    dispose();
  });

  it('has a loss whose gradient is that of backpropagation, in every variable', () => {
    const gradients = (gradient: string): tf.NamedTensorMap => {
      const model = problem.open(1);
      const ode = { solver: 'rk4', gradient, stepSize: 0.5, registry };
      const { grads, value } = tf.variableGrads(() => model.loss(ode), [...model.variables]);
      value.dispose();
      model.dispose();
      return grads;
    };
    const wanted = Object.values(gradients('backprop')).map((g) => g.dataSync<'float32'>());
    const found = Object.values(gradients('symplectic')).map((g) => g.dataSync<'float32'>());
    expect(found).toHaveLength(wanted.length);
    const size = Math.max(...wanted.flatMap((g) => [...g].map(Math.abs)));
    expect(size).toBeGreaterThan(0);
    wanted.forEach((g, i) => {
      g.forEach((x, j) => expect(Math.abs(x - found[i]![j]!)).toBeLessThan(2e-6 * size));
      expect(g.some((x) => x !== 0)).toBe(true);
    });
  });
});

describe('series', () => {
  it('keeps every n-th time', () => {
    const times = Array.from({ length: 101 }, (_, i) => i);
    expect(thinned({ times, values: [times] }, 50).times).toEqual(times.filter((i) => i % 3 === 0));
    expect(thinned({ times, values: [times] }, 101).values).toEqual([times]);
  });

  it('measures the explained variance about each mean', () => {
    const observed = {
      times: [0, 1],
      values: [
        [0, 2],
        [10, 14],
      ],
    };
    const at = (values: number[][]): number => explainedVariance(observed, { times: [0, 1], values });
    expect(
      at([
        [0, 2],
        [10, 14],
      ]),
    ).toBe(1);
    expect(
      at([
        [1, 1],
        [12, 12],
      ]),
    ).toBe(0);
    expect(
      at([
        [0, 2],
        [12, 12],
      ]),
    ).toBeCloseTo(0.2, 12);
  });

  it('says a share of the variance, and how much worse than the mean a fit is that explains none', () => {
    expect(quality(0.9763)).toEqual({ figure: '97.6 %', worse: false });
    expect(quality(0)).toEqual({ figure: '0.0 %', worse: false });
    expect(quality(-0.547)).toEqual({ figure: '1.55 times', worse: true });
  });
});
