import type { Plugin } from '@odegrad/core';
import { checkpoint } from './checkpoint.ts';
import { recompute } from './recompute.ts';
import { stages } from './stages.ts';

export { checkpoint, recompute, stages };

const plugin: Plugin = { name: '@odegrad/grad-checkpoint', gradients: [checkpoint, recompute, stages] };
export default plugin;
