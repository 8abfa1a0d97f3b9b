import { describe, expect, test } from 'vitest';

import { createBuilder } from './builder.ts';
import type { Instruction, Program, Value } from './program.ts';
import { verified, verify } from './verify.ts';

/** out = tanh(x) w + 1, with x of shape [2, 3] and w of shape [3, 4]. */
function sound(): Program {
  const b = createBuilder();
  const [x, w] = [b.input('x', [2, 3]), b.input('w', [3, 4])];
  const one = b.constant(Float32Array.of(1), []);
  const product = b.call('BatchMatMul', { a: b.call('Tanh', { x }, [2, 3]), b: w }, [2, 4]);
  return b.finish([{ name: 'out', value: b.call('Add', { a: product, b: one }, [2, 4]) }]);
}

/** The program with its instruction `i` changed. */
function withInstruction(i: number, change: (old: Instruction) => Partial<Instruction>): Program {
  const program = sound();
  const instructions = program.instructions.map((old, k) => (k === i ? { ...old, ...change(old) } : old));
  return { ...program, instructions };
}

function withValue(i: number, value: Partial<Value>): Program {
  const program = sound();
  return { ...program, values: program.values.map((old, k) => (k === i ? { ...old, ...value } : old)) };
}

const [X, W, ONE, TANH, PRODUCT, OUT] = [0, 1, 2, 3, 4, 5];

describe('verify', () => {
  test('takes a sound program', () => {
    expect(() => {
      verify(sound(), 'nobody');
    }).not.toThrow();
  });

  test('is on in tests', () => {
    expect(verified(sound(), 'nobody')).toEqual(sound());
    expect(() => verified(withValue(OUT, { shape: [4, 2] }), 'a pass')).toThrow('Program made by a pass');
  });

  test.each<[string, Program, RegExp]>([
    [
      'a use before the assignment',
      { ...sound(), instructions: sound().instructions.toReversed() },
      /instruction 0, %5 = Add\(a=%4, b=%2\).*: %4 is used before it is assigned/,
    ],
    [
      'a value that is assigned twice',
      withInstruction(1, () => ({ outputs: [TANH] })),
      /instruction 1, %3 = BatchMatMul.*: %3 is assigned twice/,
    ],
    ['an assigned input', withInstruction(0, () => ({ outputs: [X] })), /%0 is assigned twice/],
    ['a value that there is not', withInstruction(2, () => ({ outputs: [9] })), /: there is no value %9/],
    [
      'an output that nothing assigns',
      { ...sound(), instructions: sound().instructions.slice(0, 2) },
      /output out: %5 is used before it is assigned/,
    ],
    [
      'an input that is no value',
      { ...sound(), inputs: [{ name: 'x', value: 9 }] },
      /input x: there is no value %9/,
    ],
    [
      'two inputs of one name',
      {
        ...sound(),
        inputs: [
          { name: 'x', value: X },
          { name: 'x', value: W },
        ],
      },
      /port x: there are two of that name/,
    ],
    [
      'two outputs of one name',
      {
        ...sound(),
        outputs: [
          { name: 'out', value: OUT },
          { name: 'out', value: X },
        ],
      },
      /port out: there are two/,
    ],
    [
      'a constant of another size',
      { ...sound(), constants: new Map([[ONE, new Float32Array(2)]]) },
      /constant %2: 2 entries do not fit shape \[\]/,
    ],
    [
      'a constant of another type',
      { ...sound(), constants: new Map([[ONE, new Int32Array(1)]]) },
      /constant %2: its data is no array of type float32/,
    ],
    [
      'an operand of another name',
      withInstruction(0, () => ({ inputs: [{ name: 'y', value: X }] })),
      /instruction 0.*operand x is missing/,
    ],
    [
      'one operand too many',
      withInstruction(0, ({ inputs }) => ({ inputs: [...inputs, { name: 'bias', value: ONE }] })),
      /Tanh has no operand bias/,
    ],
    [
      'an operand twice',
      withInstruction(0, ({ inputs }) => ({ inputs: [...inputs, ...inputs] })),
      /Tanh has no operand x, or has it already/,
    ],
    ['a sum of nothing', withInstruction(2, () => ({ kernel: 'AddN', inputs: [] })), /it has no operands/],
    [
      'a gap in a list',
      withInstruction(2, () => ({
        kernel: 'AddN',
        inputs: [
          { name: '0', value: PRODUCT },
          { name: '2', value: PRODUCT },
        ],
      })),
      /AddN has no operand 2/,
    ],
    [
      'factors that do not fit',
      withInstruction(2, () => ({
        inputs: [
          { name: 'a', value: PRODUCT },
          { name: 'b', value: X },
        ],
      })),
      /instruction 2.*its operands do not fit/,
    ],
    [
      'a result of another shape',
      withValue(OUT, { shape: [8] }),
      /instruction 2.*a result is float32\[2,4\]/,
    ],
    ['a result of another type', withValue(TANH, { dtype: 'int32' }), /instruction 0.*a result is float32/],
    ['a result too many', withInstruction(0, () => ({ outputs: [TANH, PRODUCT] })), /it has 1 results/],
    [
      'a setting that is no plain data',
      withInstruction(1, () => ({ attrs: { transposeA: () => true } })),
      /setting transposeA is no plain data/,
    ],
  ])('rejects %s', (_, program, message) => {
    expect(() => {
      verify(program, 'a pass');
    }).toThrow(message);
  });

  test('takes optional operands, lists after them, and kernels that it does not know', () => {
    const b = createBuilder();
    const [x, w, bias] = [b.input('x', [2, 3]), b.input('w', [3, 4]), b.input('bias', [4])];
    const plain = b.call('_FusedMatMul', { a: x, b: w }, [2, 4]);
    const biased = b.call('_FusedMatMul', { a: x, b: w, bias }, [2, 4]);
    const combined = b.call('Combine', { base: plain, 0: biased }, [2, 4], { weights: [1] });
    const time = b.call('StageTime', {}, [], { node: 0.5 });
    const other = b.call('Einsum', { 0: combined, anything: time }, [7], { equation: 'ij->' });
    expect(() => {
      verify(b.finish([{ name: 'out', value: other }]), 'nobody');
    }).not.toThrow();
  });
});
