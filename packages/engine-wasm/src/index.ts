export { wasm, wasmEngine, type WasmOptions } from './wasm.ts';
export type { ArrayKind, WasmArray } from './runtime/array.ts';
