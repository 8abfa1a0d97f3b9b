// The entry `@odegrad/engine-onnx/replay`: engine `replay` alone, for pages and workers too. Nothing it imports is of Node.
import type { Plugin } from '@odegrad/core';

import { replayEngine } from './replay-engine.ts';

export { replayEngine };

/** Engine `replay` as a plugin. */
const plugin: Plugin = { name: '@odegrad/engine-onnx/replay', engines: [replayEngine] };
export default plugin;
