import * as tf from '@tensorflow/tfjs';
import { apply, dense } from '../../dense.ts';
import { createRandom } from '../../random.ts';
import { registry } from '../../registry.ts';
import type { OdeOptions } from '@odegrad/engine-tfjs';
import { makeData, stateAt } from '../pde/data.ts';
import { cahnHilliardEquation } from '../pde/equation.ts';
import { learn, type Training } from '../pde/learn.ts';

/** A field and a first state whose gradients are looked at: of the sum of squares at time `end`. */
export interface StudiedProblem {
  readonly name: string;
  readonly title: string;
  readonly f: (t: tf.Scalar, y: tf.Tensor) => tf.Tensor;
  readonly variables: readonly tf.Variable[];
  /** `[rows, width]`, numbers of float32. */
  readonly shape: readonly [number, number];
  readonly start: Float64Array;
  readonly end: number;
}

const WIDTH = 8;

/** A network without haste: two hidden layers of tanh. */
export function benign(rows: number): StudiedProblem {
  const random = createRandom(11);
  const layers = [dense(random, WIDTH, 32, 1.5), dense(random, 32, 32, 1.5), dense(random, 32, WIDTH, 1.5)];
  return {
    name: 'benign',
    title: 'a benign network',
    f: (_t, y) => layers.reduce((x, layer, i) => apply(layer, i === 0 ? x : tf.tanh(x)), y),
    variables: layers.flatMap(({ weight, bias }) => [weight, bias]),
    shape: [rows, WIDTH],
    start: drawn(random, rows * WIDTH),
    end: 1,
  };
}

/** Rates from 1 to 300, and a network that couples them. */
export function stiff(rows: number): StudiedProblem {
  const random = createRandom(12);
  const layers = [dense(random, WIDTH, 32, 1.5), dense(random, 32, WIDTH, 1.5)];
  const rates = tf.tidy(() =>
    tf.variable(tf.tensor1d(Array.from({ length: WIDTH }, (_, i) => 300 ** (i / (WIDTH - 1))))),
  );
  return {
    name: 'stiff',
    title: 'a stiff network',
    f: (_t, y) => {
      const [first, second] = layers as [(typeof layers)[0], (typeof layers)[0]];
      return tf.mul(rates, tf.sub(apply(second, tf.tanh(apply(first, y))), y));
    },
    variables: [rates, ...layers.flatMap(({ weight, bias }) => [weight, bias])],
    shape: [rows, WIDTH],
    start: drawn(random, rows * WIDTH),
    end: 1,
  };
}

/** A Cahn–Hilliard model after a training by the symplectic adjoint method. */
export function trainedCahnHilliard(
  rows: number,
  points: number,
  training: Omit<Training, 'ode'>,
  engine: OdeOptions['engine'],
): StudiedProblem {
  const data = makeData(cahnHilliardEquation, { rows: 2 * rows, points, outputs: 6 }, 1);
  const ode: OdeOptions = { registry, engine, solver: 'dopri5', rtol: 1e-4, atol: 1e-4, maxSteps: 5000 };
  const { model } = learn(cahnHilliardEquation, data, 'symplectic', { ...training, ode });
  const states = Array.from({ length: rows }, (_, row) => [...stateAt(data, 2, row)]).flat();
  return {
    name: 'cahn-hilliard',
    title: 'a trained Cahn–Hilliard model',
    f: (t, u) => model.field(t, u),
    variables: model.variables,
    shape: [rows, points],
    start: Float64Array.from(states, Math.fround),
    end: data.ts[1]!,
  };
}

function drawn(random: ReturnType<typeof createRandom>, length: number): Float64Array {
  return Float64Array.from({ length }, () => Math.fround(random.symmetric(1)));
}
