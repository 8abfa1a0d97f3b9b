import { importsOf } from '@odegrad/testkit';
import { expect, it } from 'vitest';
import * as api from './index.ts';

it('exports what it says', () => {
  expect(Object.keys(api).sort()).toEqual(['hessianVector', 'tangent', 'tangentField', 'tangents']);
});

it('runs in browsers: nothing of Node is imported', () => {
  expect(importsOf(new URL('./index.ts', import.meta.url))).toEqual([
    '@odegrad/core',
    '@odegrad/engine-tfjs',
    '@tensorflow/tfjs-core',
  ]);
});
