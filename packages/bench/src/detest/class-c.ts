import * as tf from '@tensorflow/tfjs';
import { fiveBodies } from './five-bodies.ts';
import type { DetestProblem } from './problem.ts';

/** n numbers, of which the first is 1 and the others are 0. */
const first = (n: number): number[] => Array.from({ length: n }, (_, i) => Number(i === 0));

/** What decays of each species comes to the next: yᵢ′ = rᵢ₋₁ yᵢ₋₁ − rᵢ yᵢ, rates r whole numbers. */
function decay(rates: readonly number[]): DetestProblem['f'] {
  return (_t, [y]) => {
    const gone = tf.mul(y!, tf.tensor1d([...rates]));
    const come = tf.pad(tf.slice(gone, 0, rates.length - 1), [[1, 0]]);
    return [tf.sub(come, gone)];
  };
}

/** The heat equation on a line of n points between walls at 0: yᵢ′ = yᵢ₋₁ − 2yᵢ + yᵢ₊₁. */
function heat(n: number): DetestProblem['f'] {
  return (_t, [y]) => {
    const [left, right] = [tf.slice(y!, 0, n - 1), tf.slice(y!, 1, n - 1)];
    return [tf.sub(tf.add(tf.pad(left, [[1, 0]]), tf.pad(right, [[0, 1]])), tf.mul(2, y!))];
  };
}

/** Moderate systems. */
export const classC: readonly DetestProblem[] = [
  {
    name: 'C1',
    title: 'a radioactive decay chain',
    start: [first(10)],
    f: decay([1, 1, 1, 1, 1, 1, 1, 1, 1, 0]),
  },
  {
    name: 'C2',
    title: 'a decay chain with growing rates',
    start: [first(10)],
    f: decay([1, 2, 3, 4, 5, 6, 7, 8, 9, 0]),
  },
  { name: 'C3', title: 'heat on 10 points', start: [first(10)], f: heat(10) },
  { name: 'C4', title: 'heat on 51 points', start: [first(51)], f: heat(51) },
  fiveBodies,
];
