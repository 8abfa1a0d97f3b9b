export type { OnnxArray } from './array.ts';
export { onnx, onnxEngine, type OnnxOptions } from './onnx.ts';
export { replayEngine } from './replay-engine.ts';
