export type FloatType = 'float32' | 'float64';
export type FloatData = Float32Array | Float64Array;

/** Bytes of an entry. */
export const bytesPerElement: Readonly<Record<string, number>> = {
  float32: 4,
  float64: 8,
  int32: 4,
  int64: 8,
  bool: 1,
  uint8: 1,
};

/** Zeros in that precision. */
export function floats(float: FloatType, size: number): FloatData {
  return float === 'float64' ? new Float64Array(size) : new Float32Array(size);
}

/** Bytes of a number in that precision. */
export function bytesOfFloat(float: FloatType): number {
  return float === 'float64' ? 8 : 4;
}
