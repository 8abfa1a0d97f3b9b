import { Draws, operations, type Draw } from '@odegrad/testkit';
import * as tf from '@tensorflow/tfjs';
import { beforeAll, describe, expect, it } from 'vitest';
import { internals, replacing } from '../tape/internals.ts';
import { smoothGradients } from '../eager/smooth.ts';
import { isolated } from '../tape/tape.ts';
import { ofFunctions, ofKernels } from './corrections.ts';

/** What is refused whatever the settings. */
const REFUSED = ['ComplexAbs'];

const cases = operations(tf);

/** Σ wᵢ f(x)ᵢ in doubles. */
function weigh(values: readonly tf.Tensor[], weights: readonly (readonly number[])[]): number {
  let sum = 0;
  values.forEach((value, k) => {
    value.dataSync().forEach((v, i) => (sum += v * weights[k]![i]!));
  });
  return sum;
}

interface Comparison {
  readonly found: number;
  readonly truth: number;
  /** What was recorded. */
  readonly names: readonly string[];
}

/** The derivative of Σ w f along a direction: by the gradient, and by central differences of fourth order. */
function compare(draw: Draw, seed: number, corrected: boolean): Comparison {
  const names: string[] = [];
  const r = new Draws(seed);
  const { f, at } = draw(r);
  const along = at.map((point) => r.values(point.shape).values);
  const tensors = (s: number): tf.Tensor[] =>
    at.map(({ shape, values }, k) =>
      tf.tensor(
        values.map((v, i) => v + s * along[k]![i]!),
        shape,
        'float32',
      ),
    );
  let [found, truth] = [0, 0];
  tf.tidy(() => {
    const xs = tensors(0);
    const weights = [f(...xs)].flat().map((y) => r.values(y.shape).values);
    const h = 0.01;
    const value = (s: number): number => weigh([f(...tensors(s))].flat(), weights);
    truth = (8 * (value(h) - value(-h)) - (value(2 * h) - value(-2 * h))) / (12 * h);
    const loss = (): tf.Tensor =>
      tf.addN([f(...xs)].flat().map((y, k) => tf.sum(tf.mul(y, tf.tensor(weights[k]!, y.shape, 'float32')))));
    const gradients = (): (tf.Tensor | undefined)[] => {
      const record = internals().addTapeNode.bind(internals());
      const noting: ReturnType<typeof internals>['addTapeNode'] = (name, ...rest) => {
        names.push(name);
        record(name, ...rest);
      };
      return replacing('addTapeNode', noting, () => internals().gradients(loss, xs, undefined, true).grads);
    };
    const found_ = isolated(() => (corrected ? smoothGradients(gradients) : gradients()));
    found = weigh(
      found_.map((g) => g ?? tf.scalar(0)),
      along,
    );
  });
  return { found, truth, names };
}

const agree = ({ found, truth }: Comparison): boolean =>
  Math.abs(found - truth) <= 1e-3 * (1 + Math.abs(truth));

const SEEDS = Array.from({ length: 30 }, (_, seed) => seed);

beforeAll(async () => {
  expect(await tf.setBackend('cpu')).toBe(true);
  const onCpu = (
    kernelName: string,
    run: (inputs: tf.NamedTensorMap, attributes: never) => tf.Tensor,
  ): void => {
    tf.registerKernel({
      kernelName,
      backendName: 'cpu',
      kernelFunc: ({ inputs, attrs }) => run(inputs as tf.NamedTensorMap, attrs as never),
    });
  };
  onCpu('BroadcastTo', ({ x }, { shape }: { shape: number[] }) => tf.broadcastTo(x!, shape));
  onCpu('LogSoftmax', ({ logits }) => tf.logSoftmax(logits!));
});

it('every registered gradient is looked at, and no other', () => {
  const registered = (globalThis as unknown as { _tfGlobals: Map<string, Map<string, unknown>> })._tfGlobals;
  const expected = [...registered.get('gradRegistry')!.keys(), ...Object.keys(ofFunctions)];
  expect([...Object.keys(cases), ...REFUSED].sort()).toEqual(expected.sort());
});

describe('agrees with central differences', () => {
  it.each(Object.keys(cases))('%s', (name) => {
    // All with ODEGRAD_ALL.
    const seeds = process.env['ODEGRAD_ALL'] ? SEEDS : SEEDS.slice(0, 10);
    const all = seeds.map((seed) => ({ seed, ...compare(cases[name]!, seed, true) }));
    expect(
      all.filter((one) => !agree(one)).map(({ seed, found, truth }) => ({ seed, found, truth })),
    ).toEqual([]);
    expect(all.some(({ names }) => names.includes(name))).toBe(true);
  });
});

/** What shows that a correction is needed: TensorFlow.js alone throws, or is wrong. `Infinity` where it would never end. */
describe('without the correction', () => {
  // Points where draws do not come: 0⁰; several equal extrema.
  const apart = ['Pow', 'Max', 'Min', 'ResizeNearestNeighbor'];
  it.each([...Object.keys(ofKernels), ...Object.keys(ofFunctions)].filter((name) => !apart.includes(name)))(
    '%s is wrong or refused',
    (name) => {
      const fails = SEEDS.some((seed) => {
        try {
          return !agree(compare(cases[name]!, seed, false));
        } catch {
          return true;
        }
      });
      expect(fails).toBe(true);
    },
  );
});
