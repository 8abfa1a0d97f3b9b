/** The unknown y: a list of arrays of one engine, stepped together. `A` is opaque to core. */
export type State<A> = readonly A[];

/** One summand `coefficient · value` of a linear combination. */
export interface Term<A> {
  readonly coefficient: number;
  readonly value: A;
}

/** Rows of an array, along its first dimension, on their way to rows of another. */
export interface RowTerm<A> {
  readonly value: A;
  /** How many the array has. */
  readonly rows: number;
  /** Row `from[i]` times `coefficients[i]` is added to row `to[i]`. */
  readonly from: readonly number[];
  readonly to: readonly number[];
  readonly coefficients: readonly number[];
}

/** Relative and absolute tolerance of the local error, per entry: atol + rtol·max(|y₀|, |y₁|). */
export interface Tolerance {
  readonly rtol: number;
  readonly atol: number;
}

/**
 * Arithmetic on the arrays of one library, in one precision. Every result is a new array that the caller
 * owns; no argument is changed or released. Time, step sizes and coefficients are JavaScript numbers.
 */
export interface Engine<A> {
  readonly name: string;
  /** Unit roundoff u of the arrays: 2⁻²⁴ (float32) or 2⁻⁵³ (float64). */
  readonly roundoff: number;
  /**
   * `base + scale · Σ cᵢ xᵢ` in one pass, without `base` where there is none. There is at least one term; `scale` is 1 by
   * default. Each term is multiplied by the number `scale · cᵢ`, rounded once.
   */
  combine(base: A | undefined, terms: readonly Term<A>[], scale?: number): A;
  /** An array of zeros with the shape of `like`. */
  zeros(like: A): A;
  /** Inner product `⟨x, y⟩`. */
  dot(x: A, y: A): number;
  /**
   * RMS of `error / (atol + rtol·max(|y0|, |y1|))`. An entry whose error is 0 counts 0, whatever its scale;
   * `NaN` and infinities give `Infinity`.
   */
  scaledNorm(error: A, y0: A, y1: A, tolerance: Tolerance): number;
  /** The largest of the same entries, without their signs; 0 where there are none. */
  scaledMax(error: A, y0: A, y1: A, tolerance: Tolerance): number;
  /** Whether every entry is finite. */
  isFinite(x: A): boolean;
  /** Bytes of the array's data. */
  bytes(x: A): number;
  /** Frees the array. Called once, by core alone. */
  release(x: A): void;
  /**
   * An array of `count` rows, each the sum of what at least one term adds to it, and 0 where none adds anything. A coefficient of 0
   * leaves its row out, even where that holds NaN. Where it is absent, rows of a batch have no times of their own.
   */
  mixRows?(count: number, terms: readonly RowTerm<A>[]): A;
  /** The numbers of arrays. Where it is absent, no implicit solver serves. */
  readonly entries?: Entries<A>;
  /**
   * Room for states like `y` that wait for the backward pass, where as many arrays would weigh a multiple of their data. Undefined
   * where they would not.
   */
  shelf?(y: State<A>): Shelf<A> | undefined;
}

/** Arrays as numbers in double precision, by rows. */
export interface Entries<A> {
  shape(x: A): readonly number[];
  /** A copy. */
  read(x: A): Float64Array;
  /** An array of the shape of `like`. */
  write(values: Float64Array, like: A): A;
}

/** Copies of states, by the number of the step that each belongs to, at little more than the bytes of their data. */
export interface Shelf<A> {
  put(index: number, y: State<A>): void;
  /** New arrays that the caller owns. */
  get(index: number): State<A>;
  /** Arrays to read from as long as nothing is removed; nobody releases them. */
  peek(index: number): State<A>;
  /** Lets go of what was put there. */
  remove(index: number): void;
}
