import { describe, expect, test } from 'vitest';

import { kernelOf, kernels, linearity, resultTypes } from './kernels.ts';

/** Names that a kernel's operands may have. */
const namesOf = (operands: string): string[] =>
  operands
    .split(' ')
    .flatMap((name) => (name === '*' ? ['0', '1'] : name === '' ? [] : name.replace('?', '')));

describe('the table of kernels', () => {
  test.each(Object.entries(kernels))('%s is consistent', (name, kernel) => {
    const linear = linearity({ kernel: name, attrs: {} });
    const operands = namesOf(kernel.operands);
    if (Array.isArray(linear)) expect(operands).toEqual(expect.arrayContaining(linear));
    if (kernel.commutative ?? kernel.neutral !== undefined) expect(kernel.operands).toBe('a b');
    if (kernel.elementwise) expect(kernel.rows).toBe('entries');
    if (kernel.permutes ?? kernel.several) expect(operands).toHaveLength(1);
    if (kernel.contracts) expect(operands.length).toBeGreaterThanOrEqual(2);
  });

  test('knows results where a rule tells them, in order', () => {
    const x = { shape: [2, 6], dtype: 'float32' };
    expect(resultTypes('SplitV', { x }, { axis: -1, numOrSizeSplits: [2, -1] })).toEqual([
      { shape: [2, 2], dtype: 'float32' },
      { shape: [2, 4], dtype: 'float32' },
    ]);
    expect(resultTypes('Greater', { a: x, b: { shape: [], dtype: 'float32' } }, {})).toEqual([
      { shape: [2, 6], dtype: 'bool' },
    ]);
    expect(resultTypes('FloorDiv', { a: x, b: x }, {})).toBeUndefined();
  });

  test('knows nothing of others', () => {
    expect(kernelOf('Einsum')).toEqual({});
    expect(resultTypes('Einsum', {}, {})).toBeUndefined();
  });

  test('padding is linear where it pads with nothing', () => {
    expect(linearity({ kernel: 'PadV2', attrs: { constantValue: 0 } })).toBe('jointly');
    expect(linearity({ kernel: 'PadV2', attrs: { constantValue: 1 } })).toBeUndefined();
  });
});
