import { describe, expect, test } from 'vitest';

import { createBuilder, type ProgramBuilder } from '../ir/builder.ts';
import type { Program } from '../ir/program.ts';
import { simplify } from './simplify.ts';

function build(body: (b: ProgramBuilder, x: number, y: number) => number): Program {
  const b = createBuilder();
  const [x, y] = [b.input('x', [2, 3]), b.input('y', [2, 3])];
  const value = body(b, x, y);
  return simplify(b.finish([{ name: 'out', value }]));
}

const kernels = (program: Program): string[] => program.instructions.map(({ kernel }) => kernel);
const gives = (program: Program): string =>
  program.inputs.find(({ value }) => value === program.outputs[0]!.value)?.name ?? 'a result';
const ones = (b: ProgramBuilder, shape: number[]): number =>
  b.constant(new Float32Array(shape.reduce((n, k) => n * k, 1)).fill(1), shape);

describe('simplify', () => {
  test('takes transpositions of transpositions back', () => {
    const program = build((b, x) => {
      const turned = b.call('Transpose', { x }, [3, 2], { perm: [1, 0] });
      return b.call('Transpose', { x: turned }, [2, 3], { perm: [1, 0] });
    });
    expect(kernels(program)).toEqual([]);
    expect(gives(program)).toBe('x');
  });

  test('slices what was joined', () => {
    const at = (begin: number[], size: number[]): Program =>
      build((b, x, y) =>
        b.call('Slice', { x: b.call('Concat', { 0: x, 1: y }, [2, 6], { axis: 1 }) }, size, { begin, size }),
      );
    expect(gives(at([0, 3], [2, 3]))).toBe('y');
    expect(gives(at([0, 0], [2, 3]))).toBe('x');
    expect(kernels(at([0, 2], [2, 3]))).toEqual(['Concat', 'Slice']);
    expect(kernels(at([0, 0], [2, 2]))).toEqual(['Concat', 'Slice']);
  });

  test('slices what was padded', () => {
    const at = (begin: number[]): Program =>
      build((b, x) =>
        b.call(
          'Slice',
          {
            x: b.call('PadV2', { x }, [3, 5], {
              paddings: [
                [1, 0],
                [0, 2],
              ],
              constantValue: 0,
            }),
          },
          [2, 3],
          { begin, size: [2, 3] },
        ),
      );
    expect(gives(at([1, 0]))).toBe('x');
    expect(kernels(at([0, 0]))).toEqual(['PadV2', 'Slice']);
  });

  test('drops neutral operations, but not those that broadcast', () => {
    expect(gives(build((b, x) => b.call('Multiply', { a: ones(b, []), b: x }, [2, 3])))).toBe('x');
    expect(gives(build((b, x) => b.call('RealDiv', { a: x, b: ones(b, [3]) }, [2, 3])))).toBe('x');
    expect(kernels(build((b, x) => b.call('RealDiv', { a: ones(b, []), b: x }, [2, 3])))).toEqual([
      'RealDiv',
    ]);
    expect(
      kernels(build((b, x) => b.call('Sub', { a: b.constant(new Float32Array(1), []), b: x }, [2, 3]))),
    ).toEqual(['Sub']);
    expect(kernels(build((b, x) => b.call('Multiply', { a: x, b: ones(b, [4, 2, 3]) }, [4, 2, 3])))).toEqual([
      'Multiply',
    ]);
  });

  test('lets an operation broadcast by itself', () => {
    const program = build((b, x, y) => {
      const row = b.call('Sum', { x }, [2, 1], { axis: 1, keepDims: true });
      return b.call('Sub', { a: y, b: b.call('Multiply', { a: row, b: ones(b, [2, 3]) }, [2, 3]) }, [2, 3]);
    });
    expect(kernels(program)).toEqual(['Sum', 'Sub']);
  });

  test('merges sums and products in either order, differences only in one', () => {
    const twice = (kernel: string): Program =>
      build((b, x, y) =>
        b.call(
          'Maximum',
          { a: b.call(kernel, { a: x, b: y }, [2, 3]), b: b.call(kernel, { a: y, b: x }, [2, 3]) },
          [2, 3],
        ),
      );
    expect(kernels(twice('Add'))).toEqual(['Add', 'Maximum']);
    expect(kernels(twice('Multiply'))).toEqual(['Multiply', 'Maximum']);
    expect(kernels(twice('Sub'))).toEqual(['Sub', 'Sub', 'Maximum']);
  });

  test('keeps apart what differs in an attribute or a shape', () => {
    const program = build((b, x) => {
      const sum = (axis: number, shape: number[]): number =>
        b.call('Sum', { x }, shape, { axis, keepDims: true });
      return b.call('Add', { a: sum(0, [1, 3]), b: sum(1, [2, 1]) }, [2, 3]);
    });
    expect(kernels(program)).toEqual(['Sum', 'Sum', 'Add']);
  });

  test('merges constants with the same bits only', () => {
    const program = build((b, x) => {
      const c = (value: number): number => b.constant(new Float32Array([value]), []);
      const first = b.call('Multiply', { a: x, b: c(2) }, [2, 3]);
      const second = b.call('Multiply', { a: first, b: c(2) }, [2, 3]);
      return b.call('Multiply', { a: second, b: c(-0) }, [2, 3]);
    });
    expect(program.constants.size).toBe(2);
  });
});
