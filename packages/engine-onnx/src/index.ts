export type { OnnxArray } from './runtime/runtime.ts';
export { onnx, onnxEngine, type OnnxOptions } from './onnx.ts';
