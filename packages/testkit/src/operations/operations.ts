import { axes } from './axes.ts';
import type { Draw, Tf } from './draws.ts';
import { elementwise } from './elementwise.ts';
import { images } from './images.ts';

/**
 * Every operation of TensorFlow.js with a gradient, by the name of its kernel, or of the function whose gradient is its own:
 * drawn with random shapes, operands that broadcast, axes and settings, at points where it has a derivative.
 */
export const operations = (tf: Tf): Record<string, Draw> => ({
  ...elementwise(tf),
  ...axes(tf),
  ...images(tf),
});
