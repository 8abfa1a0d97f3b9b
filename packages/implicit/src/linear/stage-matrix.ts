/** The coefficients among stages that are solved for together: m rows of m. */
export type Coefficients = readonly (readonly number[])[];

/** Numbers of m vectors, those of a row of the batch one behind the other. */
export function interleave(vectors: readonly Float64Array[], rows: number): Float64Array {
  const [m, width] = [vectors.length, vectors[0]!.length / rows];
  if (m === 1) return vectors[0]!.slice();
  const joined = new Float64Array(m * rows * width);
  vectors.forEach((x, i) => {
    for (let row = 0; row < rows; row++)
      joined.set(x.subarray(row * width, (row + 1) * width), (row * m + i) * width);
  });
  return joined;
}

/** The m vectors that `interleave` joined. */
export function separate(joined: Float64Array, m: number, rows: number): Float64Array[] {
  if (m === 1) return [joined];
  const width = joined.length / (m * rows);
  return Array.from({ length: m }, (_, i) => {
    const x = new Float64Array(rows * width);
    for (let row = 0; row < rows; row++)
      x.set(joined.subarray((row * m + i) * width, (row * m + i + 1) * width), row * width);
    return x;
  });
}

/**
 * The blocks I − h (cᵢⱼ Jᵢ) by rows of the batch, of size m d, those of stages that depend on each other; with `transposed` the blocks
 * I − h (cᵢⱼ Jⱼᵀ), those of their cotangents. All J have the form of `jacobian`.
 */
export function stageMatrix(
  jacobians: readonly Float64Array[],
  coefficients: Coefficients,
  h: number,
  width: number,
  transposed = false,
): Float64Array {
  const m = coefficients.length;
  const size = m * width;
  const rows = jacobians[0]!.length / (width * width);
  const matrix = new Float64Array(rows * size * size);
  for (let row = 0; row < rows; row++)
    for (let i = 0; i < m; i++)
      for (let j = 0; j < m; j++) {
        const scale = h * coefficients[i]![j]!;
        const entries = jacobians[transposed ? j : i]!;
        for (let p = 0; p < width; p++)
          for (let q = 0; q < width; q++) {
            const [r, c] = transposed ? [q, p] : [p, q];
            const at = (row * size + i * width + p) * size + j * width + q;
            matrix[at] = (i === j && p === q ? 1 : 0) - scale * entries[(row * width + r) * width + c]!;
          }
      }
  return matrix;
}
