import { keep, tensor, type Tensor } from '@tensorflow/tfjs-core';
import { ArgumentError } from '@odegrad/core';
import { describe } from './describe.ts';
import { float64At, isFloat64Part } from './float64-parts.ts';
import { isTensor, tensorAt } from './tensor-parts.ts';

/** What f gets as its third argument, and what of it gradients go to. */
export interface Args {
  /** As f gets it: the user's tensors, and tensors for numbers and for arrays of doubles. */
  readonly value: unknown;
  /** Its float32 tensors, each once, in their order: what has a gradient. */
  readonly parameters: readonly Tensor[];
  /** All its tensors. */
  readonly tensors: readonly Tensor[];
  /** The doubles that tensors stand for, which hold them rounded. */
  readonly exact: ReadonlyMap<Tensor, Float64Array>;
  /** Something for each parameter, of the structure of the user's args; undefined for what has no gradient. */
  unflatten(of: (parameter: Tensor) => unknown): unknown;
  /** Frees the tensors that were made. May be called again. */
  release(): void;
  /** Runs `body`, and frees them where it throws. */
  releasedOnError<T>(body: () => T): T;
}

/**
 * Takes the user's `args` apart: tensors, numbers, arrays of doubles, in lists and records of any depth. Everything else, such as a
 * text or a function, is handed to f as it is.
 *
 * @throws {ArgumentError} for tensors that were disposed of, and promises.
 */
export function argsOf(args: unknown): Args {
  const made: Tensor[] = [];
  const exact = new Map<Tensor, Float64Array>();
  const tensors = new Set<Tensor>();
  const make = (data: Float64Array, shape: readonly number[]): Tensor => {
    const x = keep(tensor(Float32Array.from(data), [...shape], 'float32'));
    made.push(x);
    exact.set(x, data);
    return x;
  };
  const release = (): void => {
    for (const x of made.splice(0)) x.dispose();
  };
  const leafOf = (part: unknown, name: string): Tensor | undefined => {
    if (typeof part === 'number') return make(Float64Array.of(part), []);
    if (isFloat64Part(part)) {
      const { data, shape } = float64At(part, name);
      return make(data.slice(), shape);
    }
    return isTensor(part) ? tensorAt(part, name) : undefined;
  };
  const read = (part: unknown, name: string): unknown => {
    const leaf = leafOf(part, name);
    if (leaf) {
      tensors.add(leaf);
      return leaf;
    }
    if (part instanceof Promise) throw new ArgumentError(`${name} is ${describe(part)}; await it first.`);
    return mapped(part, name, read) ?? part;
  };
  const releasedOnError = <T>(body: () => T): T => {
    try {
      return body();
    } catch (error) {
      release();
      throw error;
    }
  };
  return releasedOnError(() => {
    const value = read(args, 'args');
    const all = [...tensors];
    return {
      value,
      tensors: all,
      parameters: all.filter(({ dtype }) => dtype === 'float32'),
      exact,
      unflatten(of) {
        const write = (part: unknown): unknown =>
          isTensor(part) ? (part.dtype === 'float32' ? of(part) : undefined) : mapped(part, '', write);
        return write(value);
      },
      release,
      releasedOnError,
    };
  });
}

/** A list or record with `change` of each of its members; undefined for what is neither. */
function mapped(value: unknown, name: string, change: (member: unknown, name: string) => unknown): unknown {
  if (Array.isArray(value)) return value.map((member, i) => change(member, `${name}[${i}]`));
  if (!isPlain(value)) return undefined;
  return Object.fromEntries(
    Object.entries(value).map(([key, member]) => [key, change(member, `${name}.${key}`)]),
  );
}

/** Whether a value is a record: an object of no class. */
function isPlain(value: unknown): value is Record<string, unknown> {
  if (typeof value !== 'object' || value === null) return false;
  const prototype: unknown = Object.getPrototypeOf(value);
  return prototype === null || prototype === Object.prototype;
}
