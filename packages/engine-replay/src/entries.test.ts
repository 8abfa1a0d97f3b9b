import { importsOf } from '@odegrad/testkit';
import { expect, test } from 'vitest';

const entry = (file: string): URL => new URL(file, import.meta.url);

test('nothing of Node is imported, here or by what records', () => {
  const common = ['@odegrad/core', '@odegrad/engine-tfjs', '@tensorflow/tfjs-core'];
  expect(importsOf(entry('./index.ts'))).toEqual([...common, '@odegrad/trace'].sort());
  expect(importsOf(entry('../../trace/src/index.ts'))).toEqual(common);
});
