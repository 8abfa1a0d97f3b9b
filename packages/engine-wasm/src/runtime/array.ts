import type { HostArray } from '@odegrad/trace';

/** An array of this engine: a typed array of JavaScript's, which lives apart from the memory of modules. */
export type WasmArray = HostArray;
