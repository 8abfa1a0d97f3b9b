import { describe, expect, test } from 'vitest';

import { HOST } from '../encode/module.ts';
import type { Nest } from '../lower/plan.ts';
import { emitGroup, groupSignature, type Group } from '../nests/group.ts';
import { loaded } from '../nests/node.ts';
import type { View } from '../nests/view.ts';
import { encode } from './encode.ts';

const ENTRIES = 10;

const viewAt = (address: number): View => ({
  buffer: { entries: ENTRIES, width: 4, address },
  offset: 0,
  shape: [ENTRIES],
  strides: [1],
});

/** A loop that copies an array. */
function copy(from: number, to: number): Nest {
  const node = loaded(viewAt(from), 'float');
  const group: Group = { shape: [ENTRIES], stores: [{ node, view: viewAt(to) }] };
  return {
    ...{ phase: 2, level: 0, reads: [], writes: [], signature: groupSignature(group, [node]) },
    emit: (emitter, scene) => {
      emitGroup(emitter, scene, group);
    },
  };
}

describe('loops that differ by where their arrays are', () => {
  const many: readonly (readonly [number, number])[] = [
    [0, 640],
    [64, 512],
    [128, 704],
    [192, 256],
  ];

  test('are written once, and each runs on its own arrays', () => {
    const memory = new WebAssembly.Memory({ initial: 1 });
    const heap = new Float32Array(memory.buffer);
    many.forEach(([from], k) => {
      for (let i = 0; i < ENTRIES; i++) heap[from / 4 + i] = 100 * k + i;
    });
    const bytes = encode(
      many.map(([from, to]) => copy(from, to)),
      'float32',
      false,
    );
    const { exports } = new WebAssembly.Instance(new WebAssembly.Module(bytes), { [HOST]: { memory } });
    (exports['tile'] as () => void)();
    many.forEach(([, to], k) => {
      const copied = Array.from(heap.subarray(to / 4, to / 4 + ENTRIES));
      expect(copied).toEqual(Array.from({ length: ENTRIES }, (_, i) => 100 * k + i));
    });
  });

  test('take no more bytes than their calls', () => {
    const sizes = [2, 3, 4].map(
      (count) =>
        encode(
          many.slice(0, count).map(([from, to]) => copy(from, to)),
          'float32',
          false,
        ).length,
    );
    // A call, and two numbers of at most three bytes.
    for (const k of [1, 2]) expect(sizes[k]! - sizes[k - 1]!).toBeLessThanOrEqual(10);
  });
});
