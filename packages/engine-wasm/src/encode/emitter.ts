import { append, signed, unsigned, type Code } from './bytes.ts';
import type { FunctionCode, ValueType } from './module.ts';

/** Writes the body of one function that gives nothing, statement by statement. */
export interface Emitter {
  /** Bytes so far. */
  readonly size: number;
  emit(code: Code): void;
  local(type: ValueType): number;
  /** A value that is computed here and may then be read more than once. */
  keep(code: Code, type?: ValueType): Code;
  /** A vector that is the same throughout the function, by its bytes. */
  constant(bytes: Code): Code;
  /** Runs `body` so many times: once without a loop. */
  repeat(count: number, body: () => void): void;
  /** Runs `body` where the condition, an i32, is not 0. */
  when(condition: Code, body: () => void): void;
  finish(): FunctionCode;
}

const reads: Code[] = [];
export const get = (local: number): Code => (reads[local] ??= [0x20, ...unsigned(local)]);
export const set = (local: number, value: Code): Code => [...value, 0x21, ...unsigned(local)];
export const integer = (x: number): Code => [0x41, ...signed(x | 0)];
export const call = (index: number): Code => [0x10, ...unsigned(index)];
export const addIntegers = (a: Code, b: Code): Code => [...a, ...b, 0x6a];
export const multiplyIntegers = (a: Code, b: Code): Code => [...a, ...b, 0x6c];

/** Parameters of the function are its first locals. */
export function createEmitter(parameters: readonly ValueType[] = []): Emitter {
  const locals: ValueType[] = [];
  const code: number[] = [];
  const constants = new Map<string, { readonly local: number; readonly bytes: Code }>();
  const emitter: Emitter = {
    get size() {
      return code.length;
    },
    emit(more) {
      append(code, more);
    },
    local: (type) => parameters.length + locals.push(type) - 1,
    keep(value, type = 'v128') {
      const local = emitter.local(type);
      append(code, value);
      const result = get(local);
      code.push(0x21);
      for (let i = 1; i < result.length; i++) code.push(result[i]!);
      return result;
    },
    // Constants stand in locals that are set first: written where they are used they cost a third of an elementary function.
    constant(bytes) {
      const key = bytes.join();
      const known = constants.get(key);
      if (known) return get(known.local);
      const local = emitter.local('v128');
      constants.set(key, { local, bytes });
      return get(local);
    },
    repeat(count, body) {
      if (count <= 0) return;
      if (count === 1) {
        body();
        return;
      }
      const counter = emitter.local('i32');
      append(code, set(counter, integer(count)));
      append(code, [0x03, 0x40]);
      body();
      append(code, [...get(counter), ...integer(1), 0x6b, 0x22, ...unsigned(counter), 0x0d, 0, 0x0b]);
    },
    when(condition, body) {
      append(code, [...condition, 0x04, 0x40]);
      body();
      append(code, [0x0b]);
    },
    finish() {
      const body: number[] = [];
      for (const { local, bytes } of constants.values()) append(body, set(local, [0xfd, 0x0c, ...bytes]));
      append(body, code);
      return { parameters, results: [], locals, body };
    },
  };
  return emitter;
}
