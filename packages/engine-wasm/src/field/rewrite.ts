import { flatten, lerp, reassociate, runPasses, simplify, type Pass, type Program } from '@odegrad/trace';

import { expand } from '../lower/expand.ts';

const simplified: Pass = { name: 'simplify', run: simplify };

const passes: readonly Pass[] = [
  { name: 'flatten', run: flatten },
  simplified,
  { name: 'reassociate', run: reassociate },
  simplified,
  { name: 'lerp', run: lerp },
  simplified,
  { name: 'expand', run: expand },
  simplified,
];

/** The same program in fewer kernels, each of which is a loop. Values agree to rounding. */
export const rewriteForWasm = (program: Program): Program => runPasses(passes, program);
