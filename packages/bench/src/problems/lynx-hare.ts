import * as tf from '@tensorflow/tfjs';
import { mean, standardDeviation } from 'simple-statistics';
import { odeint } from '@odegrad/engine-tfjs';
import { apply, dense } from '../dense.ts';
import { createRandom } from '../random.ts';
import { hudsonBay } from './hudson-bay.ts';
import type { Model, Problem } from './problem.ts';

/** Two quantities that nobody counted: a population's past is not in its number. */
const HIDDEN_STATES = 2;
const WIDTH = 16;

/** Twenty years of hare and lynx: y′ = W₂ tanh(W₁ y + b₁) + b₂ on log populations and two hidden states. */
export const lynxHare: Problem = {
  name: 'lynx-hare',
  title: 'Hare and lynx of Hudson Bay, 1900–1920',
  description:
    'Pelts in thousands a year. The state is the logarithm of both, standardised, and two hidden states; ' +
    'the network (4 → 16 → 4, tanh) and the initial state are learned from all 21 years at once.',
  defaults: { iterations: 400, learningRate: 0.02 },
  open,
};

function open(seed: number): Model {
  const { years, hare, lynx } = hudsonBay;
  const logs = [hare, lynx].map((series) => series.map(Math.log));
  const scales = logs.map((series) => ({ center: mean(series), spread: standardDeviation(series) }));
  const values = logs.map((series, i) => series.map((x) => (x - scales[i]!.center) / scales[i]!.spread));
  const times = years.map((_, i) => i);

  const random = createRandom(seed);
  const size = values.length + HIDDEN_STATES;
  const inner = dense(random, size, WIDTH, 1.5);
  // A field that starts small starts near equilibrium, and its trajectory bounded.
  const outer = dense(random, WIDTH, size, 0.5);
  const first = [...values.map((series) => series[0]!), ...new Array<number>(HIDDEN_STATES).fill(0)];
  const start = tf.tidy(() => tf.variable(tf.tensor2d([first])));
  const data = tf.tensor2d(times.map((_, i) => values.map((series) => series[i]!)));
  const parameters = [inner.weight, inner.bias, outer.weight, outer.bias];
  const f = (_t: tf.Scalar, y: tf.Tensor): tf.Tensor => apply(outer, tf.tanh(apply(inner, y)));

  return {
    presentation: {
      time: 'year',
      quantities: ['hare', 'lynx'],
      unit: 'pelts (thousands)',
      scale: 'log',
      timeOf: (t) => years[0]! + t,
      valueOf: (x, i) => Math.exp(scales[i]!.center + scales[i]!.spread * x),
    },
    parameters,
    variables: [...parameters, start],
    f,
    initial: () => tf.clone(start),
    observed: { times, values },
    loss: (options) =>
      tf.tidy(() => {
        const path = tf.squeeze(odeint(f, start, times, options), [1]);
        const seen = tf.slice(path, [0, 0], [times.length, values.length]);
        return tf.mean(tf.squaredDifference(seen, data));
      }),
    dispose: () => {
      tf.dispose([...parameters, start, data]);
    },
  };
}
