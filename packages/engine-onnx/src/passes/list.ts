import { flatten, lerp, reassociate, simplify, type Pass } from '@odegrad/trace';

import { biasesInProducts } from './biases.ts';

const simplified: Pass = { name: 'simplify', run: simplify };

/** What leaves fewer calls and fewer passes over memory, which is what counts in ONNX Runtime. Values agree to rounding. */
export const onnxPasses: readonly Pass[] = [
  { name: 'flatten', run: flatten },
  simplified,
  { name: 'biases in products', run: biasesInProducts },
  simplified,
  { name: 'reassociate', run: reassociate },
  simplified,
  { name: 'lerp', run: lerp },
  simplified,
];
