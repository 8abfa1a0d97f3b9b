// Gauss–Newton, damped as by Levenberg and Marquardt: the parameters of an equation from data, by the Jacobian of its solution. A
// gradient method takes hundreds of steps for what this takes a handful.
import * as tf from '@tensorflow/tfjs';
import { Matrix, solve as solveLinear } from 'ml-matrix';
import { solve, tangent } from 'odegrad';

const names = ['birth', 'hunting', 'death', 'growth'] as const;
type Of<T> = Record<(typeof names)[number], T>;

/** Hares and lynxes, in thousands: y = [hares, lynxes], a year the unit of time. */
const f = (_t: tf.Scalar, y: tf.Tensor1D, { birth, hunting, death, growth }: Of<tf.Tensor>) => {
  const [hares, lynxes] = tf.split(y, 2) as [tf.Tensor, tf.Tensor];
  const meetings = tf.mul(hares, lynxes);
  return tf.concat([
    tf.sub(tf.mul(birth, hares), tf.mul(hunting, meetings)),
    tf.sub(tf.mul(growth, meetings), tf.mul(death, lynxes)),
  ]);
};
const y0 = Float64Array.of(30, 4); // in doubles, and so is all that follows
const ts = Array.from({ length: 21 }, (_, year) => year);
const options = { solver: 'dopri5', rtol: 1e-8, atol: 1e-8 };

function predicted(args: Of<number>): Matrix {
  const solution = solve(f, y0, ts, { ...options, args });
  solution.dispose();
  return Matrix.columnVector(solution.ys.data);
}

/** The derivatives of all that is predicted: a column for each parameter. */
function jacobian(args: Of<number>): Matrix {
  const rows = names.map((name) => {
    const moved = tangent(f, y0, ts, { ...options, args, direction: { args: { [name]: 1 } } });
    moved.dispose();
    return moved.tangents.data;
  });
  return new Matrix(rows).transpose();
}

const truth: Of<number> = { birth: 0.55, hunting: 0.028, death: 0.84, growth: 0.026 };
const data = predicted(truth).round(); // what was counted, to the thousand
const misfit = (residuals: Matrix): number => residuals.norm() ** 2 / 2;

let guess: Of<number> = { birth: 0.5, hunting: 0.025, death: 0.9, growth: 0.03 };
let damping = 1e-3;
for (let i = 0; i < 20; i++) {
  const residuals = Matrix.sub(data, predicted(guess));
  const J = jacobian(guess);
  const slope = J.transpose().mmul(residuals);
  console.log(`${i}: misfit ${misfit(residuals).toFixed(6)}, slope ${slope.norm().toExponential(1)}`);
  if (slope.norm() < 1e-4) break;
  const normal = J.transpose().mmul(J);
  for (; damping < 1e6; damping *= 10) {
    const damped = Matrix.add(normal, Matrix.diag(normal.diagonal().map((x) => damping * x)));
    const step = solveLinear(damped, slope).to1DArray();
    const next = Object.fromEntries(names.map((name, k) => [name, guess[name] + step[k]!])) as Of<number>;
    if (misfit(Matrix.sub(data, predicted(next))) >= misfit(residuals)) continue;
    guess = next;
    damping /= 10;
    break;
  }
}
for (const name of names) console.log(`${name} ${guess[name].toFixed(5)}, truly ${truth[name]}`);
if (!names.every((name) => Math.abs(guess[name] / truth[name] - 1) < 0.01))
  throw new Error('It has not come close.');
