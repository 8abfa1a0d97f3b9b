import type { DataId, KernelBackend, TensorInfo } from '@tensorflow/tfjs-core';

import { settings, sizeOf, type Instruction, type Program, type Value } from '@odegrad/trace';

/** The part of TensorFlow.js' wasm backend that its own kernels call. */
interface WasmBackend extends KernelBackend {
  readonly dataIdMap: { get(dataId: DataId): { readonly id: number } };
  makeOutput(shape: readonly number[], dtype: string): TensorInfo;
  readonly wasm: {
    readonly HEAPU8: Uint8Array;
    _malloc(bytes: number): number;
    _free(pointer: number): void;
    /** The module's own functions; those on the module itself are stand-ins until their first call. */
    readonly asm?: Readonly<Record<string, ((...args: number[]) => void) | undefined>>;
  };
}

/** A kernel call as a function of its operands. */
export interface DirectCall {
  readonly run: (inputs: Readonly<Record<string, TensorInfo>>) => TensorInfo;
  /** Whether the result lies in a buffer of its own that every run fills anew and nobody frees. */
  readonly fixed: boolean;
}

/** Shapes and small results in the memory of the wasm module, for as long as somebody keeps this. */
export interface WasmMemory {
  pointer(shape: readonly number[]): number;
  buffer(shape: readonly number[]): TensorInfo;
  free(): void;
}

const FLOAT32 = 0;
const binary = new Set(['Add', 'Sub', 'Multiply', 'RealDiv', 'Maximum', 'Minimum', 'SquaredDifference']);
/** Kernels whose results never share their operand's buffer. */
const fresh = new Set([
  ...binary,
  'BatchMatMul',
  'Tanh',
  'Sigmoid',
  'Relu',
  'Elu',
  'Exp',
  'Log',
  'Neg',
  'Abs',
  'Square',
  'Sqrt',
  'Softplus',
  'Sin',
  'Cos',
]);

/**
 * Values that are read by such kernels alone, and so may be written over by the next run. The right-hand
 * matrix of a product may not: the backend packs it once and knows it again by its id.
 */
export function privateValues(program: Program): Set<number> {
  const values = new Set(program.values.keys());
  for (const { kernel, inputs } of program.instructions) {
    for (const { name, value } of inputs) {
      if (!fresh.has(kernel) || (kernel === 'BatchMatMul' && name === 'b')) values.delete(value);
    }
  }
  program.outputs.forEach(({ value }) => values.delete(value));
  return values;
}

/** Entries of a result up to which it gets a buffer of its own: taking and freeing one costs half a microsecond. */
const SMALL = 2 ** 12;

/** How many arguments the compiled functions take in the version that is known here. */
const parameters = { binary: 8, BatchMatMul: 9, Transpose: 7 };

export function createWasmMemory(backend: KernelBackend): WasmMemory {
  const { wasm } = backend as WasmBackend;
  const buffers: TensorInfo[] = [];
  const pointers = new Map<string, number>();
  return {
    pointer(shape) {
      const key = shape.join();
      let pointer = pointers.get(key);
      if (pointer === undefined) {
        pointer = wasm._malloc(Math.max(4, 4 * shape.length));
        new Int32Array(wasm.HEAPU8.buffer, pointer, shape.length).set(shape);
        pointers.set(key, pointer);
      }
      return pointer;
    },
    buffer(shape) {
      const info = (backend as WasmBackend).makeOutput(shape, 'float32');
      buffers.push(info);
      return info;
    },
    free() {
      for (const { dataId } of buffers.splice(0)) backend.disposeData(dataId, true);
      for (const pointer of pointers.values()) wasm._free(pointer);
      pointers.clear();
    },
  };
}

/**
 * A call of the wasm backend's compiled function itself, for the kernels whose wrapper costs more than small
 * operands do: it copies shapes into the module's memory each time. Undefined for all others, and where the
 * backend is not the one known here. `isPrivate` says that no other result shares
 * the buffer of this one.
 */
export function directCall(
  { kernel, attrs, inputs, outputs }: Instruction,
  values: readonly Value[],
  backend: KernelBackend,
  memory: WasmMemory,
  isPrivate: boolean,
): DirectCall | undefined {
  const { wasm, dataIdMap } = backend as WasmBackend;
  const target = backend as WasmBackend;
  const operands = inputs.map(({ value }) => values[value]!);
  const result = values[outputs[0]!]!;
  const full = [...operands, result].every(({ shape, dtype }) => dtype === 'float32' && !shape.includes(0));
  const run = wasm.asm?.[kernel];
  if (!full || !run) return undefined;
  const id = (info: TensorInfo): number => dataIdMap.get(info.dataId).id;
  const fixed = isPrivate && sizeOf(result.shape) <= SMALL ? memory.buffer(result.shape) : undefined;
  const output = (): TensorInfo => fixed ?? target.makeOutput(result.shape, 'float32');
  const call = (launch: (inputs: Readonly<Record<string, TensorInfo>>, out: number) => void): DirectCall => ({
    run(given) {
      const out = output();
      launch(given, id(out));
      return out;
    },
    fixed: fixed !== undefined,
  });

  if (binary.has(kernel) && run.length === parameters.binary) {
    const [a, b] = operands as [Value, Value];
    const [aShape, bShape] = [memory.pointer(a.shape), memory.pointer(b.shape)];
    return call((given, out) => {
      run(id(given['a']!), aShape, a.shape.length, id(given['b']!), bShape, b.shape.length, FLOAT32, out);
    });
  }
  const flat = operands.every(({ shape }) => shape.length === 2);
  if (kernel === 'BatchMatMul' && run.length === parameters.BatchMatMul && flat) {
    const [aShape, bShape] = operands.map(({ shape }) => memory.pointer([1, ...shape])) as [number, number];
    const { a: transA, b: transB } = settings.transposesOf(attrs);
    return call((given, out) => {
      run(id(given['a']!), aShape, 3, id(given['b']!), bShape, 3, Number(transA), Number(transB), out);
    });
  }
  if (
    kernel === 'Transpose' &&
    run.length === parameters.Transpose &&
    flat &&
    !operands[0]!.shape.includes(1)
  ) {
    const [shape, perm] = [memory.pointer(operands[0]!.shape), memory.pointer([1, 0])];
    return call((given, out) => {
      run(id(given['x']!), shape, 2, FLOAT32, out, perm, 2);
    });
  }
  return undefined;
}
