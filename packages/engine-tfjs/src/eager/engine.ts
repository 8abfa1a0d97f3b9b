import {
  abs,
  add,
  addN,
  all,
  clone,
  div,
  equal,
  getBackend,
  gather,
  isFinite as isFiniteElementwise,
  keep,
  max,
  maximum,
  mean,
  mul,
  scatterND,
  square,
  sum,
  tensor,
  tensor1d,
  tensor2d,
  tidy,
  util,
  where,
  zeros,
  zerosLike,
  type Tensor,
} from '@tensorflow/tfjs-core';
import type { Engine, RowTerm, Term, Tolerance } from '@odegrad/core';

/** Up to this size reading a wasm tensor, working on the numbers and writing them back beats its kernels. */
const SMALL_ON_WASM = 2048;
const BLOCK = 1024;
const partial = new Float64Array(BLOCK);

/** Whether the numbers of a tensor can be had at no more than the cost of copying them. */
function isReadable(): boolean {
  return getBackend() === 'cpu' || getBackend() === 'wasm';
}

const read = (x: Tensor): Float32Array => x.dataSync<'float32'>();

/**
 * Arithmetic on TensorFlow.js tensors in float32. On the cpu and wasm backends sums are accumulated in
 * float64 and rounded once; elsewhere kernels compute. Results are kept: no `tidy` frees them.
 */
export const tensorEngine: Engine<Tensor> = {
  name: 'tfjs',
  roundoff: 2 ** -24,

  combine(base, unscaled, scale = 1) {
    const terms = unscaled.map(({ coefficient, value }) => ({ coefficient: scale * coefficient, value }));
    const { size } = base ?? terms[0]!.value;
    const inNumbers = getBackend() === 'cpu' || (getBackend() === 'wasm' && size <= SMALL_ON_WASM);
    return keep(inNumbers ? combineNumbers(base, terms) : combineKernels(base, terms));
  },

  mixRows(count, terms) {
    const shape = [count, ...terms[0]!.value.shape.slice(1)];
    return keep(isReadable() ? mixNumbers(shape, terms) : mixKernels(shape, terms));
  },

  zeros: (like) => keep(zeros(like.shape)),

  dot(x, y) {
    if (!isReadable()) return scalarOf(() => sum(mul(x, y)));
    const [a, b] = [read(x), read(y)];
    let total = 0;
    for (let i = 0; i < a.length; i++) total += a[i]! * b[i]!;
    return total;
  },

  scaledNorm(error, y0, y1, { rtol, atol }) {
    if (error.size === 0) return 0;
    if (!isReadable()) {
      const scaled = (): Tensor => scaledBy(error, y0, y1, { rtol, atol });
      return finiteOr(Math.sqrt(scalarOf(() => mean(square(scaled())))));
    }
    const [e, a, b] = [read(error), read(y0), read(y1)];
    let total = 0;
    for (let i = 0; i < e.length; i++) {
      if (e[i] === 0) continue;
      const scaled = e[i]! / (atol + rtol * Math.max(Math.abs(a[i]!), Math.abs(b[i]!)));
      total += scaled * scaled;
    }
    return finiteOr(Math.sqrt(total / e.length));
  },

  scaledMax(error, y0, y1, tolerance) {
    if (error.size === 0) return 0;
    if (!isReadable()) {
      // The largest of numbers among which there is a NaN is another thing on each backend.
      const scaled = (): Tensor => abs(scaledBy(error, y0, y1, tolerance));
      if (scalarOf(() => all(isFiniteElementwise(scaled()))) === 0) return Infinity;
      return scalarOf(() => max(scaled()));
    }
    const { rtol, atol } = tolerance;
    const [e, a, b] = [read(error), read(y0), read(y1)];
    let largest = 0;
    for (let i = 0; i < e.length; i++) {
      if (e[i] === 0) continue;
      const scaled = Math.abs(e[i]!) / (atol + rtol * Math.max(Math.abs(a[i]!), Math.abs(b[i]!)));
      if (!(scaled <= largest)) largest = finiteOr(scaled);
    }
    return largest;
  },

  isFinite(x) {
    if (!isReadable()) return x.size === 0 || scalarOf(() => all(isFiniteElementwise(x))) !== 0;
    for (const entry of read(x)) if (!Number.isFinite(entry)) return false;
    return true;
  },

  bytes: (x) => x.size * util.bytesPerElement(x.dtype),

  release(x) {
    x.dispose();
  },

  entries: {
    shape: ({ shape }) => shape,
    read: (x) => Float64Array.from(read(x)),
    write: (values, { shape }) => keep(tensor(Float32Array.from(values), shape, 'float32')),
  },
};

/** The entries of `error` in units of what is tolerated. */
function scaledBy(error: Tensor, y0: Tensor, y1: Tensor, { rtol, atol }: Tolerance): Tensor {
  const scale = add(mul(maximum(abs(y0), abs(y1)), rtol), atol);
  return where(equal(error, 0), zerosLike(error), div(error, scale));
}

const finiteOr = (norm: number): number => (Number.isFinite(norm) ? norm : Infinity);

function scalarOf(compute: () => Tensor): number {
  return tidy(() => Number(compute().dataSync()[0]));
}

/** One pass in blocks small enough for the processor's cache. */
function combineNumbers(base: Tensor | undefined, terms: readonly Term<Tensor>[]): Tensor {
  const { shape, size } = base ?? terms[0]!.value;
  const start = base && read(base);
  const summands = terms.map(({ coefficient, value }) => ({ coefficient, value: read(value) }));
  const result = new Float32Array(size);
  for (let from = 0; from < size; from += BLOCK) {
    const count = Math.min(BLOCK, size - from);
    for (let i = 0; i < count; i++) partial[i] = start ? start[from + i]! : 0;
    for (const { coefficient, value } of summands) {
      for (let i = 0; i < count; i++) partial[i]! += coefficient * value[from + i]!;
    }
    for (let i = 0; i < count; i++) result[from + i] = partial[i]!;
  }
  return tensor(result, shape, 'float32');
}

function combineKernels(base: Tensor | undefined, terms: readonly Term<Tensor>[]): Tensor {
  return tidy(() => {
    const scaled = terms.map(({ coefficient, value }) =>
      coefficient === 1 ? value : mul(value, coefficient),
    );
    const summands = base ? [base, ...scaled] : scaled;
    if (summands.length === 1) return clone(summands[0]!);
    return summands.length === 2 ? add(summands[0]!, summands[1]!) : addN(summands);
  });
}

function mixNumbers(shape: number[], terms: readonly RowTerm<Tensor>[]): Tensor {
  const size = util.sizeFromShape(shape.slice(1));
  const sums = new Float64Array(shape[0]! * size);
  for (const { value, from, to, coefficients } of terms) {
    const x = read(value);
    coefficients.forEach((coefficient, i) => {
      if (coefficient === 0) return;
      const [start, end] = [from[i]! * size, to[i]! * size];
      for (let k = 0; k < size; k++) sums[end + k]! += coefficient * x[start + k]!;
    });
  }
  return tensor(Float32Array.from(sums), shape, 'float32');
}

function mixKernels(shape: number[], terms: readonly RowTerm<Tensor>[]): Tensor {
  return tidy(() => {
    const sums = terms.flatMap(({ value, from, to, coefficients }) => {
      const used = [...coefficients.keys()].filter((i) => coefficients[i] !== 0);
      if (used.length === 0) return [];
      const rows = gather(
        value,
        tensor1d(
          used.map((i) => from[i]!),
          'int32',
        ),
      );
      const column = tensor(
        used.map((i) => coefficients[i]!),
        [used.length, ...shape.slice(1).map(() => 1)],
      );
      const ends = tensor2d(
        used.map((i) => to[i]!),
        [used.length, 1],
        'int32',
      );
      // Rows that meet are added up.
      return [scatterND(ends, mul(rows, column), shape)];
    });
    return sums.length === 0 ? zeros(shape) : addN(sums);
  });
}
