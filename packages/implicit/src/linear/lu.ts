/** LU factorizations, with partial pivoting, of square blocks of one size that lie one behind the other. */
export interface Factors {
  readonly size: number;
  readonly count: number;
  /** Solves with every block, in place; `x` has a vector for each. */
  solve(x: Float64Array): Float64Array;
  readonly bytes: number;
}

/** Factorizes blocks in place; undefined where one of them is singular or not finite. Golub & Van Loan, Algorithm 3.4.1. */
export function factorize(blocks: Float64Array, size: number): Factors | undefined {
  const count = blocks.length / (size * size);
  const pivots = new Int32Array(count * size);
  for (let block = 0; block < count; block++)
    if (
      !factorizeOne(
        blocks.subarray(block * size * size, (block + 1) * size * size),
        size,
        pivots,
        block * size,
      )
    )
      return undefined;
  return {
    size,
    count,
    bytes: blocks.byteLength + pivots.byteLength,
    solve(x) {
      for (let block = 0; block < count; block++) {
        const from = block * size;
        solveOne(
          blocks.subarray(from * size, (from + size) * size),
          pivots.subarray(from, from + size),
          x.subarray(from, from + size),
        );
      }
      return x;
    },
  };
}

function factorizeOne(a: Float64Array, n: number, pivots: Int32Array, from: number): boolean {
  for (let k = 0; k < n; k++) {
    let pivot = k;
    for (let i = k + 1; i < n; i++) if (Math.abs(a[i * n + k]!) > Math.abs(a[pivot * n + k]!)) pivot = i;
    pivots[from + k] = pivot;
    const largest = a[pivot * n + k]!;
    if (largest === 0 || !Number.isFinite(largest)) return false;
    if (pivot !== k)
      for (let j = 0; j < n; j++) [a[k * n + j], a[pivot * n + j]] = [a[pivot * n + j]!, a[k * n + j]!];
    for (let i = k + 1; i < n; i++) {
      const factor = (a[i * n + k]! /= a[k * n + k]!);
      if (factor === 0) continue;
      for (let j = k + 1; j < n; j++) a[i * n + j]! -= factor * a[k * n + j]!;
    }
  }
  return true;
}

function solveOne(lu: Float64Array, pivots: Int32Array, x: Float64Array): void {
  const n = x.length;
  for (let i = 0; i < n; i++) {
    const pivot = pivots[i]!;
    if (pivot !== i) [x[i], x[pivot]] = [x[pivot]!, x[i]!];
  }
  for (let i = 1; i < n; i++) {
    let sum = x[i]!;
    for (let j = 0; j < i; j++) sum -= lu[i * n + j]! * x[j]!;
    x[i] = sum;
  }
  for (let i = n - 1; i >= 0; i--) {
    let sum = x[i]!;
    for (let j = i + 1; j < n; j++) sum -= lu[i * n + j]! * x[j]!;
    x[i] = sum / lu[i * n + i]!;
  }
}
