export { wasm, wasmEngine, type WasmOptions } from './wasm.ts';
export type { WasmArray } from './runtime/array.ts';
