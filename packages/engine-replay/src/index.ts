import type { Plugin } from '@odegrad/core';

import { replayEngine } from './engine.ts';

export { fallbackOf, type Fallback } from './fallback.ts';
export { replayEngine };

/** Engine `replay` as a plugin. */
const plugin: Plugin = { name: '@odegrad/engine-replay', engines: [replayEngine] };
export default plugin;
