import * as tf from '@tensorflow/tfjs';
import type { FlatField } from '@odegrad/engine-tfjs';
import { beforeAll, expect, it } from 'vitest';
import type { Program } from '../ir/program.ts';
import { checkSteady } from './guards.ts';
import { traceField } from './trace.ts';

beforeAll(async () => {
  tf.env().set('PROD', true);
  await tf.setBackend('cpu');
});

const recordingOf = (f: FlatField): Program => traceField({ f, shapes: [[1, 4]], parameters: [] }).program;

/** The same program with `count` values that nothing uses in front of all others. */
function shifted(program: Program, count: number): Program {
  const move = <T extends { readonly value: number }>(port: T): T => ({ ...port, value: port.value + count });
  return {
    values: [
      ...program.values.slice(0, 1),
      ...new Array<Program['values'][number]>(count - 1).fill(program.values[0]!),
      ...program.values,
    ],
    inputs: program.inputs.map(move),
    constants: new Map([...program.constants].map(([value, data]) => [value + count, data])),
    instructions: program.instructions.map((instruction) => ({
      ...instruction,
      inputs: instruction.inputs.map(move),
      outputs: instruction.outputs.map((value) => value + count),
    })),
    outputs: program.outputs.map(move),
  };
}

const f: FlatField = (t, [y]) => [tf.add(tf.tanh(tf.mul(y!, [1, 2, 3, 4])), t)];

it('takes a function for itself, whatever its values were numbered like', () => {
  const odd: FlatField = (_, [y]) => [tf.mul(tf.add(y!, [NaN, -0, 1, 2]), tf.greater([1, 2, 3, 4], 2))];
  for (const same of [f, odd]) {
    const recorded = recordingOf(same);
    for (const program of [recorded, shifted(recorded, 7)]) {
      expect(() => {
        checkSteady(program, recordingOf(same));
      }).not.toThrow();
    }
  }
});

it.each<[string, FlatField, FlatField]>([
  ['operations', f, (t, [y]) => [tf.add(tf.sigmoid(tf.mul(y!, [1, 2, 3, 4])), t)]],
  ['values', f, (t, [y]) => [tf.add(tf.tanh(tf.mul(y!, [1, 2, 3, 5])), t)]],
  ['values', (_, [y]) => [tf.mul(y!, [0, 1, 2, 3])], (_, [y]) => [tf.mul(y!, [-0, 1, 2, 3])]],
  [
    'settings',
    (_t, [y]) => [tf.reverse(tf.concat([tf.slice(y!, [0, 0], [1, 2]), tf.slice(y!, [0, 0], [1, 2])], 1), 1)],
    (_t, [y]) => [tf.reverse(tf.concat([tf.slice(y!, [0, 2], [1, 2]), tf.slice(y!, [0, 2], [1, 2])], 1), 1)],
  ],
])('refuses a function that has other %s', (what, before, now) => {
  const recorded = recordingOf(before);
  expect(() => {
    checkSteady(recorded, recordingOf(now));
  }).toThrow(what);
});
