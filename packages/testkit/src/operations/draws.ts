import type * as tf from '@tensorflow/tfjs-core';

/** Draws that are the same in every run (Marsaglia's xorshift). */
export class Draws {
  private state: number;
  constructor(seed: number) {
    this.state = (Math.imul(seed + 1, 2654435761) ^ 0x5bd1e995) | 1;
    for (let i = 0; i < 8; i++) this.uniform(0, 1);
  }
  uniform(low: number, high: number): number {
    this.state ^= this.state << 13;
    this.state ^= this.state >>> 17;
    this.state ^= this.state << 5;
    return low + ((high - low) * (this.state >>> 0)) / 2 ** 32;
  }
  integer(low: number, high: number): number {
    return Math.floor(this.uniform(low, high + 1));
  }
  one<T>(of: readonly T[]): T {
    return of[this.integer(0, of.length - 1)]!;
  }
  boolean(): boolean {
    return this.uniform(0, 1) < 0.5;
  }
  shuffled<T>(items: readonly T[]): T[] {
    const shuffled = [...items];
    for (let i = shuffled.length - 1; i > 0; i--) {
      const j = this.integer(0, i);
      [shuffled[i], shuffled[j]] = [shuffled[j]!, shuffled[i]!];
    }
    return shuffled;
  }
  shape(low = 0, high = 4, largest = 3): number[] {
    return Array.from({ length: this.integer(low, high) }, () => this.integer(1, largest));
  }
  /** Shapes that broadcast against `shape`: of fewer axes, or with ones. */
  narrower(shape: readonly number[]): number[] {
    return shape.slice(this.integer(0, shape.length)).map((n) => (this.boolean() ? 1 : n));
  }
  values(shape: readonly number[], low = -1, high = 1): Point {
    return { shape: [...shape], values: Array.from({ length: size(shape) }, () => this.uniform(low, high)) };
  }
  /** Values no two of which are close, nor close to zero: for what has kinks there. */
  apart(shape: readonly number[], gap = 0.15): Point {
    const n = size(shape);
    const steps = this.shuffled(Array.from({ length: n }, (_, i) => i - Math.floor(n / 2) + 0.5));
    return { shape: [...shape], values: steps.map((k) => gap * (k + this.uniform(-0.1, 0.1))) };
  }
  /** Values away from the integers: for what jumps there. */
  between(shape: readonly number[], low = -3, high = 3): Point {
    const values = Array.from(
      { length: size(shape) },
      () => this.integer(low, high) + this.uniform(0.2, 0.8),
    );
    return { shape: [...shape], values };
  }
  axes(rank: number): number[] {
    const all = Array.from({ length: rank }, (_, i) => i).filter(() => this.boolean());
    const axes = all.length === 0 && rank > 0 ? [this.integer(0, rank - 1)] : all;
    return axes.map((axis) => (this.boolean() ? axis - rank : axis));
  }
}

export interface Point {
  readonly shape: number[];
  readonly values: number[];
}

/** A function and where to differentiate it. */
interface Case {
  readonly f: (...xs: tf.Tensor[]) => tf.Tensor | tf.Tensor[];
  readonly at: readonly Point[];
}

/** Draws a case. */
export type Draw = (r: Draws) => Case;

/** The library, whose operations these are: whoever tests it has it. */
export type Tf = typeof tf;

export const size = (shape: readonly number[]): number => shape.reduce((n, extent) => n * extent, 1);

/** Two operands that broadcast, either way round. */
export function pair(
  r: Draws,
  a: (shape: number[]) => Point,
  b: (shape: number[]) => Point = a,
): readonly Point[] {
  const shape = r.shape();
  const other = r.boolean() ? shape : r.narrower(shape);
  return r.boolean() ? [a(shape), b(other)] : [a(other), b(shape)];
}
