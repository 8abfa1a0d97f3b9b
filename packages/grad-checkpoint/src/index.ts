import type { Plugin } from '@odegrad/core';
import { auto, type AutoOptions } from './auto.ts';
import { binomial } from './binomial.ts';
import { checkpoint } from './checkpoint.ts';
import { minimalExtraSteps } from './extra-steps.ts';
import { online } from './online-strategy.ts';
import { recompute } from './recompute.ts';
import { resolve } from './resolve.ts';
import type { CheckpointOptions } from './reversal.ts';
import { stages } from './stages.ts';

export { auto, binomial, checkpoint, minimalExtraSteps, online, recompute, resolve, stages };
export type { AutoOptions, CheckpointOptions };

const plugin: Plugin = {
  name: '@odegrad/grad-checkpoint',
  gradients: [checkpoint, recompute, resolve, stages, binomial(), online(), auto()],
};
export default plugin;
