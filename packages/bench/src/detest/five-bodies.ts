import * as tf from '@tensorflow/tfjs';
import type { DetestProblem } from './problem.ts';

/** The constant of gravitation, in solar masses, astronomical units and units of 100 days. */
const GRAVITATION = 2.95912208286;

/** Of the sun with the inner planets. */
const SUN = 1.00000597682;

/** Jupiter, Saturn, Uranus, Neptune, Pluto. */
const MASSES = [
  0.000954786104043, 0.000285583733151, 0.0000437273164546, 0.0000517759138449, 0.00000277777777778,
];

const POSITIONS = [
  [3.42947415189, 3.35386959711, 1.35494901715],
  [6.6414554255, 5.97156957878, 2.18231499728],
  [11.2630437207, 14.6952576794, 6.27960525067],
  [-30.1552268759, 1.65699966404, 1.43785752721],
  [-21.123835338, 28.4465098142, 15.3882659679],
];

const VELOCITIES = [
  [-0.557160570446, 0.505696783289, 0.230578543901],
  [-0.415570776342, 0.365682722812, 0.169143213293],
  [-0.325325669158, 0.189706021964, 0.087726532278],
  [-0.024047625417, -0.287659532608, -0.117219543175],
  [-0.176860753121, -0.216393453025, -0.014864789309],
];

/** Five outer planets around the sun, which moves too: qⱼ″ = g (Σ_{k≠j} mₖ ((qₖ − qⱼ) / |qₖ − qⱼ|³ − qₖ / |qₖ|³) − (m₀ + mⱼ) qⱼ / |qⱼ|³). */
export const fiveBodies: DetestProblem = {
  name: 'C5',
  title: 'the five-body problem',
  start: [...POSITIONS, ...VELOCITIES],
  f(_t, y) {
    const [q, v] = [y.slice(0, 5), y.slice(5)];
    const toSun = q.map(attraction);
    const forces = q.map((own, j) =>
      q.reduce(
        (sum, other, k) =>
          k === j ? sum : tf.add(sum, tf.mul(MASSES[k]!, tf.sub(attraction(tf.sub(other, own)), toSun[k]!))),
        tf.mul(-(SUN + MASSES[j]!), toSun[j]!),
      ),
    );
    return [...v, ...forces.map((force) => tf.mul(GRAVITATION, force))];
  },
};

/** x / |x|³. */
function attraction(x: tf.Tensor): tf.Tensor {
  const square = tf.sum(tf.square(x));
  return tf.div(x, tf.mul(square, tf.sqrt(square)));
}
