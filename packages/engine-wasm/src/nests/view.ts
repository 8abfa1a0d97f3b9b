/** A place in the memory of a module, for so many entries; where it is, is decided when all are known. */
export interface Buffer {
  readonly entries: number;
  /** Bytes of an entry. */
  readonly width: number;
  /** In bytes; −1 until it is known. */
  address: number;
}

/** Entries of a buffer as an array: entry i is at `offset + Σ iₐ strideₐ`, counted in entries. */
export interface View {
  readonly buffer: Buffer;
  readonly offset: number;
  readonly shape: readonly number[];
  readonly strides: readonly number[];
}

/** Strides of an array whose entries follow one another, the last axis first. */
export function rowMajor(shape: readonly number[], unit = 1): number[] {
  const strides: number[] = [];
  let stride = unit;
  for (let axis = shape.length - 1; axis >= 0; axis--) {
    strides[axis] = stride;
    stride *= shape[axis]!;
  }
  return strides;
}

/** The view with axes in another order. */
export const transposed = (view: View, perm: readonly number[]): View => ({
  ...view,
  shape: perm.map((axis) => view.shape[axis]!),
  strides: perm.map((axis) => view.strides[axis]!),
});

/** Every `steps`-th entry from `begin` on, backwards where it is negative. */
export const sliced = (
  view: View,
  begin: readonly number[],
  shape: readonly number[],
  steps: readonly number[] = begin.map(() => 1),
): View => ({
  ...view,
  shape,
  offset: begin.reduce((sum, from, axis) => sum + from * view.strides[axis]!, view.offset),
  strides: view.strides.map((stride, axis) => stride * steps[axis]!),
});

/** The view along more axes, or longer ones where it has one entry. */
export function broadcast(view: View, shape: readonly number[]): View {
  const missing = shape.length - view.shape.length;
  return {
    ...view,
    shape,
    strides: shape.map((_, axis) =>
      axis < missing || view.shape[axis - missing] === 1 ? 0 : view.strides[axis - missing]!,
    ),
  };
}

/** The same entries in another shape; undefined where no strides can say where they are. */
export function reshaped(view: View, shape: readonly number[]): View | undefined {
  if (shape.includes(0)) return { ...view, shape, strides: shape.map(() => 0) };
  const old = view.shape.map((extent, axis) => ({ extent, stride: view.strides[axis]! }));
  const strides: number[] = new Array<number>(shape.length).fill(0);
  const long = old.filter(({ extent }) => extent !== 1);
  let from = 0;
  let axis = 0;
  while (from < long.length) {
    // A run of old axes with as many entries as a run of new ones.
    let entries = long[from]!.extent;
    let to = from + 1;
    while (axis < shape.length && shape[axis] === 1) axis++;
    let end = axis;
    let wanted = shape[end++] ?? 1;
    while (entries !== wanted) {
      if (entries < wanted) entries *= long[to++]!.extent;
      else wanted *= shape[end++]!;
    }
    for (let k = from; k + 1 < to; k++)
      if (long[k]!.stride !== long[k + 1]!.stride * long[k + 1]!.extent) return undefined;
    let stride = long[to - 1]!.stride;
    for (let k = end - 1; k >= axis; k--) {
      strides[k] = stride;
      stride *= shape[k]!;
    }
    [from, axis] = [to, end];
  }
  return { ...view, shape, strides };
}
