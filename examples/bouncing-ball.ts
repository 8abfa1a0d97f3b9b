// What a ball is made of, from the times at which it was heard: its restitution and the drag of the air are found by gradients that go
// through the times of its bounces. After R. T. Q. Chen, B. Amos, M. Nickel, Learning Neural Event Functions for Ordinary
// Differential Equations, ICLR 2021, whose first example is such a ball.
import * as tf from '@tensorflow/tfjs';
import { solve } from 'odegrad';

const start = { height: tf.scalar(2), speed: tf.scalar(0) };

/** Lets it go, and looks when it is on the ground. */
function fall(args: { drag: tf.Tensor; restitution: tf.Tensor }) {
  const f = (_t: tf.Scalar, { speed }: typeof start, { drag }: typeof args) => ({
    height: speed,
    speed: tf.sub(-9.81, tf.mul(drag, speed)),
  });
  return solve(f, start, [0, 2.5], {
    args,
    solver: 'tsit5',
    rtol: 1e-6,
    events: {
      ground: {
        when: (_t, { height }) => height,
        direction: 'falling',
        then: (_t, { height, speed }, { restitution }) => ({
          height: tf.zerosLike(height),
          speed: tf.neg(tf.mul(restitution, speed)),
        }),
      },
    },
  });
}

const heard = tf.tidy(() =>
  fall({ drag: tf.scalar(0.2), restitution: tf.scalar(0.85) }).events.map(({ t }) => t),
);
console.log(`heard at ${heard.map((t) => t.toFixed(3)).join(', ')} s`);

const guess = { drag: tf.variable(tf.scalar(0.5)), restitution: tf.variable(tf.scalar(0.75)) };
const optimizer = tf.train.adam(0.02);
const losses: number[] = [];
for (let i = 0; i < 150; i++) {
  tf.tidy(() => {
    const solution = fall(guess);
    // As many as were heard, or as many as there were.
    const errors = solution.events.map(({ t }, n) => (n < heard.length ? t - heard[n]! : 0));
    losses.push(errors.reduce((sum, x) => sum + x * x, 0));
    const { args } = solution.pullback(
      undefined,
      [],
      errors.map((error) => ({ t: 2 * error })),
    );
    optimizer.applyGradients([
      { name: guess.drag.name, tensor: args.drag },
      { name: guess.restitution.name, tensor: args.restitution },
    ]);
    solution.dispose();
  });
}
const [drag, restitution] = [guess.drag.dataSync()[0]!, guess.restitution.dataSync()[0]!];
console.log(`drag ${drag.toFixed(3)} (0.2), restitution ${restitution.toFixed(3)} (0.85)`);
console.log(`squared error of the times ${losses[0]!.toExponential(1)} → ${losses.at(-1)!.toExponential(1)}`);
if (!(losses.at(-1)! < losses[0]! / 100)) throw new Error('It has not learned.');
