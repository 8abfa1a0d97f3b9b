import type { Plugin } from '@odegrad/core';
import { adjoint, continuousAdjoint } from './adjoint.ts';
import type { AdjointOptions } from './options.ts';

export { adjoint, continuousAdjoint, type AdjointOptions };

const plugin: Plugin = { name: '@odegrad/grad-adjoint', gradients: [adjoint] };
export default plugin;
