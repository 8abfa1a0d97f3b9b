import { describe, expect, test } from 'vitest';

import { signed, unsigned } from './bytes.ts';
import { addIntegers, createEmitter, get, integer, set } from './emitter.ts';
import { encodeModule, HOST, type FunctionCode, type ModuleSource } from './module.ts';

const memory = (): WebAssembly.Memory => new WebAssembly.Memory({ initial: 1 });

/** Stores an integer at the start of the memory. */
const stored = (value: readonly number[]): number[] => [...integer(0), ...value, 0x36, 2, 0];

function run(code: FunctionCode, imports: ModuleSource['imports'] = [], host: object = {}): Int32Array {
  const own = memory();
  const bytes = encodeModule({ imports, functions: [code], exports: { run: imports.length }, pages: 1 });
  expect(WebAssembly.validate(bytes)).toBe(true);
  const { exports } = new WebAssembly.Instance(new WebAssembly.Module(bytes), {
    [HOST]: { memory: own, ...host },
  });
  (exports['run'] as () => void)();
  return new Int32Array(own.buffer);
}

describe('a module', () => {
  test('counts a loop', () => {
    const emitter = createEmitter();
    const sum = emitter.local('i32');
    emitter.repeat(1000, () => emitter.emit(set(sum, addIntegers(get(sum), integer(3)))));
    emitter.emit(stored(get(sum)));
    expect(run(emitter.finish())[0]).toBe(3000);
  });

  test('runs what a condition allows, and constants are there from the start', () => {
    for (const condition of [0, 1]) {
      const emitter = createEmitter();
      const ones = (): readonly number[] => emitter.constant(new Array<number>(16).fill(1));
      emitter.when(integer(condition), () => emitter.emit([...integer(0), ...ones(), 0xfd, 0x0b, 0, 0]));
      emitter.emit([...integer(16), ...ones(), 0xfd, 0x0b, 0, 0]);
      const result = run(emitter.finish());
      expect([result[0], result[4]]).toEqual([condition * 0x01010101, 0x01010101]);
    }
  });

  test('calls functions of the host', () => {
    const emitter = createEmitter();
    // Twice 21.5, cut off.
    emitter.emit(stored([0x44, 0, 0, 0, 0, 0, 0x80, 0x35, 0x40, 0x10, 0, 0xaa]));
    const imports = [{ name: 'twice', parameters: ['f64'], results: ['f64'] }] as const;
    expect(run(emitter.finish(), imports, { twice: (x: number) => 2 * x })[0]).toBe(43);
  });

  test('has locals of all types, in any order and number', () => {
    const emitter = createEmitter();
    for (let i = 0; i < 200; i++) emitter.local(i % 3 === 0 ? 'v128' : i % 3 === 1 ? 'i32' : 'f64');
    const last = emitter.local('i32');
    emitter.emit(stored(addIntegers(get(last), integer(7))));
    expect(run(emitter.finish())[0]).toBe(7);
  });
});

test('numbers in LEB128', () => {
  expect(unsigned(624485)).toEqual([0xe5, 0x8e, 0x26]);
  expect(unsigned(2 ** 32 - 1)).toEqual([0xff, 0xff, 0xff, 0xff, 0x0f]);
  expect(signed(-123456)).toEqual([0xc0, 0xbb, 0x78]);
  expect(signed(63)).toEqual([63]);
  expect(signed(64)).toEqual([0xc0, 0]);
});
