import type { Plugin } from '@odegrad/core';
import { adjoint, continuousAdjoint, type AdjointOptions } from './adjoint.ts';

export { adjoint, continuousAdjoint, type AdjointOptions };

const plugin: Plugin = { name: '@odegrad/grad-adjoint', gradients: [adjoint] };
export default plugin;
