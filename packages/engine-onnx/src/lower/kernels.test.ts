import { kernels } from '@odegrad/trace';
import { describe, expect, test } from 'vitest';

import { loweredKernels } from './index.ts';

/** Kernels of which something is known, and which ONNX has no counterpart of, or none that is written yet. */
const WITHOUT = ['LRN', 'TopK', 'Unique'];
/** … and those that `steps/` expands. */
const EXPANDED = ['Combine', 'StageTime'];

describe('the table of kernels and the lowerings', () => {
  test('know the same kernels', () => {
    expect([...loweredKernels, ...WITHOUT, ...EXPANDED].sort()).toEqual(Object.keys(kernels).sort());
  });
});
