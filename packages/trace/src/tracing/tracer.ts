import { EngineError } from '@odegrad/core';
import { checkAlive } from '@odegrad/engine-tfjs';
import {
  engine,
  getKernel,
  ones,
  Tensor,
  Variable,
  zeros,
  type DataId,
  type DataType,
  type KernelBackend,
  type KernelConfig,
  type TensorInfo,
} from '@tensorflow/tfjs-core';

import { dtypeOf, shapeOf } from '../ir/attributes.ts';
import { kernelOf, resultTypes } from '../ir/kernels.ts';
import { reshapedTo, type ResultType } from '../ir/result-rules.ts';
import { constantData, noteResults } from './numbers.ts';
import {
  sameShape,
  type ConstantData,
  type TensorType,
  type Instruction,
  type Operand,
  type Port,
  type Program,
  type Value,
} from '../ir/program.ts';
import {
  dropPlaceholder,
  isPlaceholder,
  listen,
  onRealBackend,
  placeholder,
  placeholderTensor,
  withLateKernels,
  type KernelInputs,
  type KernelListener,
  type RealBackend,
} from './tracing-backend.ts';

/** Collects the kernels that a function runs. */
export interface Recorder {
  /** A tensor whose values are not known: an input of the program. */
  input(name: string, shape: readonly number[], dtype: DataType): Tensor;
  /** The value that a tensor holds; one that the function made from nothing recorded is a constant. */
  valueOf(x: Tensor): number;
  /** What kernels were given so far, in the order of its first use; made of nothing recorded, it is not there. */
  readonly used: ReadonlySet<number>;
  /** Tensors from before the recording that were used, each an input `k0`, `k1`, …, in the order of their first use. */
  readonly captured: readonly { readonly tensor: Tensor; readonly value: number }[];
  program(outputs: readonly Port[]): Program;
}

const remedy = "Run it on TensorFlow.js itself with engine: 'tfjs', or leave that out of f.";
const random = new Set(['Multinomial', 'RandomStandardNormal', 'RandomUniform', 'RandomUniformInt']);

const readsValues =
  'it reads the values of a tensor that depends on t, y or a variable (dataSync, arraySync, data or print)';

/** An error that says what cannot be recorded, and what to do. */
export function unrecordable(what: string): EngineError {
  return new EngineError(`f cannot be recorded: ${what}. ${remedy}`);
}

const isElementType = (dtype: DataType): dtype is TensorType =>
  dtype === 'float32' || dtype === 'int32' || dtype === 'bool';

/** Whether a tensor is of a type that programs know. */
export const hasElements = ({ dtype }: Tensor): boolean => isElementType(dtype);

function elementType(dtype: DataType, kernel: string): TensorType {
  if (isElementType(dtype)) return dtype;
  throw unrecordable(`${kernel} works on values of type ${dtype}`);
}

function operandsOf(kernel: string, inputs: KernelInputs): [string, TensorInfo][] {
  const operands: [string, TensorInfo][] = [];
  for (const [name, input] of Object.entries(inputs)) {
    if (Array.isArray(input)) throw unrecordable(`${kernel} takes lists of tensors`);
    if (input) operands.push([name, input]);
  }
  return operands;
}

/**
 * Runs `body` while every kernel call of TensorFlow.js is recorded instead of computed; from its beginning again, with another
 * recorder, where it needed a kernel that was registered late, or made variables, as layers do that were not built.
 * @throws {EngineError} if what it does cannot be recorded.
 */
export function record<T>(body: (recorder: Recorder) => T): T {
  return withLateKernels(() => {
    const before = variableCount();
    let run = recordOnce(body);
    const built = variableCount();
    if (built > before) run = recordOnce(body);
    if (variableCount() > built) throw unrecordable('it makes variables whenever it runs');
    if (run.reads) throw unrecordable(readsValues);
    if (run.drew) throw unrecordable(`it draws random numbers (${run.drew})`);
    return run.result;
  });
}

const variableCount = (): number => Object.keys(engine().state.registeredVariables).length;

/** What a run gave, by what it drew random numbers, if it did, and whether it waits for values. */
interface Run<T> {
  readonly result: T;
  readonly drew: string | undefined;
  readonly reads: boolean;
}

function recordOnce<T>(body: (recorder: Recorder) => T): Run<T> {
  let drew: string | undefined;
  let reads = false;
  const values: (Value & { readonly dtype: TensorType })[] = [];
  const constants = new Map<number, ConstantData>();
  const instructions: Instruction[] = [];
  const ports: Port[] = [];
  const known = new Map<DataId, number>();
  const used = new Set<number>();

  const assign = (shape: readonly number[], dtype: TensorType): number =>
    values.push({ shape: [...shape], dtype }) - 1;

  const emit = (
    kernel: string,
    attrs: Record<string, unknown>,
    inputs: readonly Operand[],
    types: readonly ResultType[],
  ): readonly number[] => {
    const outputs = types.map(({ shape, dtype }) => assign(shape, dtype));
    instructions.push({ kernel, attrs, inputs, outputs });
    return outputs;
  };

  const reshaped = (value: number, shape: readonly number[]): number => {
    const { shape: from, dtype } = values[value]!;
    return sameShape(from, shape)
      ? value
      : emit('Reshape', { shape: [...shape] }, [{ name: 'x', value }], [{ shape, dtype }])[0]!;
  };

  const mark = nextTensorId();
  const captured: { readonly tensor: Tensor; readonly value: number; readonly own: DataId }[] = [];
  /** Makes a tensor from before the recording an input, which holds it until the recording ends. */
  const capture = (x: unknown): void => {
    if (!isTensor(x) || x.id >= mark || known.has(x.dataId) || isPlaceholder(x.dataId)) return;
    checkAlive([x]);
    // Variables hold inputs from the beginning, unless f has given them something else to hold.
    if (variableIn(x) && isElementType(x.dtype))
      throw unrecordable(`it assigns a variable (${variableIn(x)!.name})`);
    const name = `k${captured.length}`;
    const value = assign(x.shape, elementType(x.dtype, 'a tensor from outside'));
    ports.push({ name, value });
    captured.push({ tensor: x, value, own: x.dataId });
    // By the tensor and not by its data: another with the same data may have another gradient.
    const { dataId } = placeholder(x.shape, x.dtype);
    known.set(dataId, value);
    x.dataId = dataId;
  };

  // A cast of what is known to a wider type shares its data.
  const typed = (value: number, dtype: TensorType): number => {
    const { shape, dtype: from } = values[value]!;
    if (from === dtype) return value;
    return emit('Cast', { dtype }, [{ name: 'x', value }], [{ shape, dtype }])[0]!;
  };

  const valueOf = (x: TensorInfo): number => {
    capture(x);
    const seen = known.get(x.dataId);
    // The same data may be seen in several shapes.
    if (seen !== undefined) return typed(reshaped(seen, x.shape), elementType(x.dtype, 'a value'));
    if (isPlaceholder(x.dataId))
      throw unrecordable('it keeps a tensor from one call to the next that depends on t, y or what it reads');
    const value = assign(x.shape, elementType(x.dtype, 'a constant'));
    constants.set(value, constantData(x));
    known.set(x.dataId, value);
    return value;
  };

  const result = (value: number): TensorInfo => {
    const { shape, dtype } = values[value]!;
    const info = placeholder(shape, dtype);
    known.set(info.dataId, value);
    return info;
  };

  const listener = (real: RealBackend): KernelListener => ({
    call(kernel, inputs, attrs) {
      const operands = operandsOf(kernel, inputs);
      for (const [, x] of operands) {
        capture(x);
        const value = known.get(x.dataId);
        if (value !== undefined) used.add(value);
      }
      const unknown = operands.some(([, x]) => isPlaceholder(x.dataId));
      if (random.has(kernel)) drew = kernel;
      if (!unknown) {
        const out = compute(real, kernel, inputs, attrs);
        noteResults(kernel, attrs, operands, Array.isArray(out) ? out : [out]);
        return out;
      }
      const x = operands[0]![1];
      switch (kernel) {
        case 'ZerosLike':
          return zeros(x.shape, x.dtype as 'float32');
        case 'OnesLike':
          return ones(x.shape, x.dtype as 'float32');
        case 'Identity':
          return result(valueOf(x));
        case 'Reshape':
          return result(reshaped(valueOf(x), reshapedTo(x.shape, shapeOf(attrs))));
        case 'ExpandDims': {
          const shape = [...x.shape];
          const axis = attrs['dim'] as number;
          shape.splice(axis < 0 ? axis + shape.length + 1 : axis, 0, 1);
          return result(reshaped(valueOf(x), shape));
        }
        case 'Cast':
          if (dtypeOf(attrs) === x.dtype) return result(valueOf(x));
      }
      const named = Object.fromEntries(operands);
      const types = resultTypes(kernel, named, attrs) ?? probe(real, kernel, inputs, attrs);
      types.forEach((type) => elementType(type.dtype, kernel));
      const outputs = emit(
        kernel,
        attrs,
        operands.map(([name, input]) => ({ name, value: valueOf(input) })),
        types,
      ).map(result);
      return outputs.length === 1 && !kernelOf(kernel).several ? outputs[0]! : outputs;
    },
    read(dataId) {
      const value = known.get(dataId);
      const outside = captured.find((one) => one.value === value);
      if (outside) return engine().readSync(outside.own);
      throw unrecordable(readsValues);
    },
    readLater() {
      reads = true;
    },
  });

  const recordBody = (): T =>
    watchingRandomNumbers(
      () =>
        body({
          input(name, shape, dtype) {
            const x = placeholderTensor(shape, dtype);
            const value = assign(shape, elementType(dtype, name));
            known.set(x.dataId, value);
            ports.push({ name, value });
            return x;
          },
          valueOf,
          used,
          captured,
          program: (outputs) => ({ values, inputs: ports, constants, instructions, outputs }),
        }),
      () => {
        drew ??= 'Math.random, or a random operation of TensorFlow.js without a seed';
      },
    );
  try {
    const given = listen(listener, recordBody);
    return { result: given, drew, reads };
  } finally {
    for (const { tensor, own } of captured) {
      dropPlaceholder(tensor.dataId);
      tensor.dataId = own;
    }
  }
}

const isTensor = (x: unknown): x is Tensor => x instanceof Tensor;
const variableIn = (x: Tensor): Variable | undefined => (x instanceof Variable ? x : undefined);

/** Ids grow: whatever is made after this call has a larger one. */
const nextTensorId = (): number => (engine() as unknown as { nextTensorId(): number }).nextTensorId();

function kernelFunction(
  real: RealBackend,
  kernel: string,
): { run: NonNullable<ReturnType<typeof getKernel>>['kernelFunc']; on: RealBackend } {
  // Kernels are found by name, and an unknown name gives undefined, whatever the types say.
  const own = getKernel(kernel, real.name) as KernelConfig | undefined;
  if (own) return { run: own.kernelFunc, on: real };
  const fallback = getKernel(kernel, 'cpu') as KernelConfig | undefined;
  const cpu = engine().findBackend('cpu') as KernelBackend | null;
  if (!fallback || !cpu) throw unrecordable(`backend ${real.name} has no kernel ${kernel}`);
  return { run: fallback.kernelFunc, on: { name: 'cpu', backend: cpu } };
}

function run(
  real: RealBackend,
  kernel: string,
  inputs: KernelInputs,
  attrs: Record<string, unknown>,
): { out: TensorInfo | TensorInfo[]; on: RealBackend } {
  const { run: kernelFunc, on } = kernelFunction(real, kernel);
  const out = onRealBackend(on, () =>
    kernelFunc({ inputs: inputs as never, attrs: attrs as never, backend: on.backend }),
  );
  return { out, on };
}

/** Runs a kernel whose operands are all known. */
function compute(
  real: RealBackend,
  kernel: string,
  inputs: KernelInputs,
  attrs: Record<string, unknown>,
): Tensor | Tensor[] {
  const { out, on } = run(real, kernel, inputs, attrs);
  const tensor = (info: TensorInfo): Tensor => engine().makeTensorFromTensorInfo(info, on.backend);
  return Array.isArray(out) ? out.map(tensor) : tensor(out);
}

/** Shapes of a kernel without a rule, from running it on zeros. */
function probe(
  real: RealBackend,
  kernel: string,
  inputs: KernelInputs,
  attrs: Record<string, unknown>,
): readonly ResultType[] {
  // Computing moves data to the real backend, so the kernel gets stand-ins.
  const standIns = operandsOf(kernel, inputs).map(
    ([name, x]) => [name, isPlaceholder(x.dataId) ? placeholderTensor(x.shape, x.dtype) : x] as const,
  );
  const { out, on } = run(
    real,
    kernel,
    Array.isArray(inputs) ? (standIns.map(([, x]) => x) as never) : Object.fromEntries(standIns),
    attrs,
  );
  const infos = Array.isArray(out) ? out : [out];
  const types = infos.map(({ shape, dtype }) => ({ shape, dtype: elementType(dtype, kernel) }));
  infos.forEach((info) => engine().makeTensorFromTensorInfo(info, on.backend).dispose());
  return types;
}

/** TensorFlow.js draws random numbers in JavaScript, seeded by Math.random where the user gives no seed. */
function watchingRandomNumbers<T>(body: () => T, onDraw: () => void): T {
  const draw = Math.random;
  Math.random = () => {
    onDraw();
    return draw();
  };
  try {
    return body();
  } finally {
    Math.random = draw;
  }
}
