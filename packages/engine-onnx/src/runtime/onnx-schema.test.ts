import { expect, test } from 'vitest';

import { attributeType, encodeProto } from './onnx-schema.ts';

const ascii = (text: string): number[] => [...new TextEncoder().encode(text)];
/** A field of bytes: its number and wire type in one byte, the length, and what it holds. */
const field = (number: number, ...bytes: number[]): number[] => [8 * number + 2, bytes.length, ...bytes];
const negativeOne = [...Array<number>(9).fill(255), 1];

test('a model has the bytes that the encoding of protocol buffers gives the fields of ONNX’s schema', () => {
  const info = { elemType: 1, shape: { dim: [{ dimParam: 'n' }, { dimValue: 300 }] } };
  const model = encodeProto({
    irVersion: 8,
    producerName: 'me',
    opsetImport: [{ domain: '', version: 17 }],
    graph: {
      name: 'g',
      node: [
        {
          opType: 'Op',
          input: ['x', ''],
          output: ['y'],
          attribute: [
            { name: 'a', type: attributeType.INTS, ints: [-1, 2] },
            { name: 'b', type: attributeType.FLOAT, f: 0.5 },
            { name: 'c', type: attributeType.STRING, s: 'é' },
          ],
        },
      ],
      input: [{ name: 'x', type: { tensorType: info } }],
      output: [],
      initializer: [{ name: 's', dims: [], dataType: 9, rawData: Uint8Array.of(1) }],
    },
  });
  const attributes = [
    field(5, ...field(1, 97), ...field(8, ...negativeOne, 2), 0xa0, 1, 7),
    // 0.5 as a float32, the lowest byte first.
    field(5, ...field(1, 98), 8 * 2 + 5, 0, 0, 0, 0x3f, 0xa0, 1, 1),
    field(5, ...field(1, 99), ...field(4, 0xc3, 0xa9), 0xa0, 1, 3),
  ];
  const dims = [...field(1, ...field(2, 110)), ...field(1, 8, 0xac, 2)];
  const graph = [
    ...field(
      1,
      ...field(1, 120),
      ...field(1),
      ...field(2, 121),
      ...field(4, ...ascii('Op')),
      ...attributes.flat(),
    ),
    ...field(2, 103),
    ...field(5, 8 * 2, 9, ...field(8, 115), ...field(9, 1)),
    ...field(11, ...field(1, 120), ...field(2, ...field(1, 8, 1, ...field(2, ...dims)))),
  ];
  expect([...model]).toEqual([
    ...[8, 8],
    ...field(2, ...ascii('me')),
    ...field(7, ...graph),
    ...field(8, ...field(1), 8 * 2, 17),
  ]);
});
