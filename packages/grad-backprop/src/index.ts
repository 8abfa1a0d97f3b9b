import type { Plugin } from '@odegrad/core';
import { backprop } from './backprop.ts';

export { backprop };

const plugin: Plugin = { name: '@odegrad/grad-backprop', gradients: [backprop] };
export default plugin;
