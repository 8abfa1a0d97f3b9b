import type { Plugin } from '@odegrad/core';
import { symplectic } from './symplectic.ts';

export { symplectic };

const plugin: Plugin = { name: '@odegrad/grad-symplectic', gradients: [symplectic] };
export default plugin;
