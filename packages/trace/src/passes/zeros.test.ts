import { describe, expect, test } from 'vitest';

import { createBuilder, type ProgramBuilder } from '../ir/builder.ts';
import { describe as lines, type Program } from '../ir/program.ts';
import { withZeros } from './zeros.ts';

/** A program of z, which is zero, and x, a matrix of as many rows and columns. */
function build(body: (b: ProgramBuilder, z: number, x: number) => Record<string, number>): Program {
  const b = createBuilder();
  const [z, x] = [b.input('z', [2, 2]), b.input('x', [2, 2])];
  const outputs = Object.entries(body(b, z, x)).map(([name, value]) => ({ name, value }));
  return withZeros(b.finish(outputs), (name) => name === 'z');
}

const shape = [2, 2];
const rest = (program: Program): string[] => program.outputs.map(({ name }) => name);
const kernels = ({ instructions }: Program): string[] => instructions.map(({ kernel }) => kernel);

/** One more row above, of this value. */
const padded = (b: ProgramBuilder, x: number, constantValue: number): number => {
  const paddings = [
    [1, 0],
    [0, 0],
  ];
  return b.call('PadV2', { x }, [3, 2], { paddings, constantValue });
};

describe('of inputs that are zero', () => {
  test('products, views and sums are left out with the outputs that they are', () => {
    const program = build((b, z, x) => {
      const product = b.call('Multiply', { a: x, b: z }, shape);
      const matrix = b.call('BatchMatMul', { a: z, b: b.call('Tanh', { x }, shape) }, shape);
      const sum = b.call('Sub', { a: b.call('Neg', { x: product }, shape), b: matrix }, shape);
      const [left] = b.callAll(
        'SplitV',
        { x: sum },
        [
          [2, 1],
          [2, 1],
        ],
        { numOrSizeSplits: [1, 1], axis: 1 },
      );
      return { product, matrix, sum, left: left!, x };
    });
    expect(rest(program)).toEqual(['x']);
    expect(program.instructions).toEqual([]);
    expect(program.inputs.map(({ name }) => name)).toEqual(['x']);
  });

  test('sums keep what else they are of', () => {
    const program = build((b, z, x) => {
      const y = b.call('Tanh', { x }, shape);
      return {
        add: b.call('Add', { a: z, b: y }, shape),
        less: b.call('Sub', { a: z, b: y }, shape),
        all: b.call('AddN', { 0: x, 1: z, 2: y }, shape),
        one: b.call('AddN', { 0: z, 1: y }, shape),
        constant: b.call('Add', { a: z, b: b.constant(new Float32Array(4), shape) }, shape),
      };
    });
    expect(kernels(program)).toEqual(['Tanh', 'Neg', 'AddN']);
    expect(rest(program)).toEqual(['add', 'less', 'all', 'one']);
    expect(program.instructions[2]!.inputs).toHaveLength(2);
  });

  test('what is not zero with them gets zeros', () => {
    const program = build((b, z, x) => ({
      exp: b.call('Exp', { x: z }, shape),
      joined: b.call('Concat', { 0: z, 1: x }, [4, 2], { axis: 0 }),
      over: b.call('RealDiv', { a: x, b: z }, shape),
      padded: padded(b, z, 1),
      // The sum is larger than its other summand.
      wide: b.call('Add', { a: z, b: b.call('Sum', { x }, [2], { axis: [0], keepDims: false }) }, shape),
    }));
    expect(rest(program)).toEqual(['exp', 'joined', 'over', 'padded', 'wide']);
    expect(kernels(program)).toEqual(['Exp', 'Concat', 'RealDiv', 'PadV2', 'Sum', 'Add']);
    expect(program.inputs.map(({ name }) => name)).toEqual(['x']);
    expect([...program.constants.values()].map((data) => [...data])).toEqual([[0, 0, 0, 0]]);
    expect(lines(program)).not.toContain('undefined');
  });

  test('quotients are zero, and padding with zeros is', () => {
    const program = build((b, z, x) => ({
      quotient: b.call('RealDiv', { a: z, b: x }, shape),
      padded: padded(b, z, 0),
      x,
    }));
    expect(rest(program)).toEqual(['x']);
  });
});
