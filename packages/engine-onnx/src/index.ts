export type { OnnxArray } from './runtime/array.ts';
export { onnx, onnxEngine, type OnnxOptions } from './onnx.ts';
