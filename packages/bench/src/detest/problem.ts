import type { Scalar, Tensor } from '@tensorflow/tfjs';

/** One of the 25 problems of DETEST, y′ = f(t, y) on [0, 20]. */
export interface DetestProblem {
  /** Its class, and its number there: D5. */
  readonly name: string;
  /** What it is about. */
  readonly title: string;
  /** y(0), in parts that f gets apart. */
  readonly start: readonly (readonly number[])[];
  readonly f: (t: Scalar, y: readonly Tensor[]) => Tensor[];
}

/** Where all of them end. */
export const END = 20;
