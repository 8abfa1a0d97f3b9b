import { checkAlive } from '@odegrad/engine-tfjs';
import { engine, Tensor, Variable, type DataId, type DataType, type TensorInfo } from '@tensorflow/tfjs-core';

import {
  sameShape,
  type ConstantData,
  type Instruction,
  type Operand,
  type Port,
  type Program,
  type TensorType,
  type Value,
} from '../ir/program.ts';
import type { ResultType } from '../ir/result-rules.ts';
import { constantData } from './numbers.ts';
import { elementType, isElementType, unrecordable } from './refusals.ts';
import { dropPlaceholder, isPlaceholder, placeholder, placeholderTensor } from './tracing-backend.ts';

/** What a function reads and gives while it is recorded, as values of a program. */
export interface Recorder {
  /** A tensor whose values are not known: an input of the program. */
  input(name: string, shape: readonly number[], dtype: DataType): Tensor;
  /** The value that a tensor holds; one that the function made from nothing recorded is a constant. */
  valueOf(x: TensorInfo): number;
  /** What kernels were given so far, in the order of its first use; made of nothing recorded, it is not there. */
  readonly used: ReadonlySet<number>;
  /** Tensors from before the recording that were used, each an input `k0`, `k1`, …, in the order of their first use. */
  readonly captured: readonly Captured[];
  program(outputs: readonly Port[]): Program;
}

interface Captured {
  readonly tensor: Tensor;
  readonly value: number;
  /** Its data: until the recording ends it holds other. */
  readonly own: DataId;
}

/** A program that is being recorded. */
export interface Recording extends Recorder {
  /** Told that a kernel was given this. */
  use(x: TensorInfo): void;
  /** Adds a kernel call, and gives its results. */
  emit(
    kernel: string,
    attrs: Record<string, unknown>,
    operands: readonly Operand[],
    types: readonly ResultType[],
  ): readonly number[];
  /** The value in another shape. */
  reshaped(value: number, shape: readonly number[]): number;
  /** A value as TensorFlow.js is given it. */
  result(value: number): TensorInfo;
  /** The data of a captured tensor that this placeholder stands for. */
  ownData(dataId: DataId): DataId | undefined;
  /** Gives captured tensors their data back. */
  end(): void;
}

/** The values of a program that is being recorded, and what makes them. */
interface Underway {
  readonly values: readonly (Value & { readonly dtype: TensorType })[];
  readonly instructions: readonly Instruction[];
  assign(shape: readonly number[], dtype: TensorType): number;
  emit: Recording['emit'];
  reshaped: Recording['reshaped'];
  /** The value as one of another type. */
  typed(value: number, dtype: TensorType): number;
}

function underway(): Underway {
  const values: (Value & { readonly dtype: TensorType })[] = [];
  const instructions: Instruction[] = [];
  const assign: Underway['assign'] = (shape, dtype) => values.push({ shape: [...shape], dtype }) - 1;
  const emit: Underway['emit'] = (kernel, attrs, operands, types) => {
    const outputs = types.map(({ shape, dtype }) => assign(shape, dtype));
    instructions.push({ kernel, attrs, inputs: operands, outputs });
    return outputs;
  };
  return {
    values,
    instructions,
    assign,
    emit,
    reshaped(value, shape) {
      const { shape: from, dtype } = values[value]!;
      if (sameShape(from, shape)) return value;
      return emit('Reshape', { shape: [...shape] }, [{ name: 'x', value }], [{ shape, dtype }])[0]!;
    },
    typed(value, dtype) {
      const { shape, dtype: from } = values[value]!;
      if (from === dtype) return value;
      return emit('Cast', { dtype }, [{ name: 'x', value }], [{ shape, dtype }])[0]!;
    },
  };
}

/** An empty recording. What tensors there are from now on are made by the function. */
export function createRecording(): Recording {
  const { values, instructions, assign, emit, reshaped, typed } = underway();
  const inputs: Port[] = [];
  const constants = new Map<number, ConstantData>();
  const known = new Map<DataId, number>();
  const used = new Set<number>();
  const captured: Captured[] = [];
  const mark = nextTensorId();

  /** Makes a tensor from before the recording an input, which holds it until the recording ends. */
  const capture = (x: unknown): void => {
    if (!isTensor(x) || x.id >= mark || known.has(x.dataId) || isPlaceholder(x.dataId)) return;
    checkAlive([x]);
    // Variables hold inputs from the beginning, unless f has given them something else to hold.
    const variable = variableIn(x);
    if (variable && isElementType(x.dtype)) throw unrecordable(`it assigns a variable (${variable.name})`);
    const name = `k${captured.length}`;
    const value = assign(x.shape, elementType(x.dtype, 'a tensor from outside'));
    inputs.push({ name, value });
    captured.push({ tensor: x, value, own: x.dataId });
    // By the tensor and not by its data: another with the same data may have another gradient.
    const { dataId } = placeholder(x.shape, x.dtype);
    known.set(dataId, value);
    x.dataId = dataId;
  };

  return {
    used,
    captured,
    emit,
    reshaped,
    input(name, shape, dtype) {
      const x = placeholderTensor(shape, dtype);
      const value = assign(shape, elementType(dtype, name));
      known.set(x.dataId, value);
      inputs.push({ name, value });
      return x;
    },
    use(x) {
      capture(x);
      const value = known.get(x.dataId);
      if (value !== undefined) used.add(value);
    },
    valueOf(x) {
      capture(x);
      const seen = known.get(x.dataId);
      // The same data may be seen in several shapes, and types: a cast to a wider one shares it.
      if (seen !== undefined) return typed(reshaped(seen, x.shape), elementType(x.dtype, 'a value'));
      if (isPlaceholder(x.dataId))
        throw unrecordable(
          'it keeps a tensor from one call to the next that depends on t, y or what it reads',
        );
      const value = assign(x.shape, elementType(x.dtype, 'a constant'));
      constants.set(value, constantData(x));
      known.set(x.dataId, value);
      return value;
    },
    result(value) {
      const { shape, dtype } = values[value]!;
      const info = placeholder(shape, dtype);
      known.set(info.dataId, value);
      return info;
    },
    ownData(dataId) {
      const value = known.get(dataId);
      return captured.find((one) => one.value === value)?.own;
    },
    program: (outputs) => ({ values, inputs, constants, instructions, outputs }),
    end() {
      for (const { tensor, own } of captured) {
        dropPlaceholder(tensor.dataId);
        tensor.dataId = own;
      }
    },
  };
}

const isTensor = (x: unknown): x is Tensor => x instanceof Tensor;
const variableIn = (x: Tensor): Variable | undefined => (x instanceof Variable ? x : undefined);

/** Ids grow: whatever is made after this call has a larger one. */
const nextTensorId = (): number => (engine() as unknown as { nextTensorId(): number }).nextTensorId();
