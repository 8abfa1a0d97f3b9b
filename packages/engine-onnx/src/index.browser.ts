// What bundlers for browsers take in place of `index.ts`.
import { EngineError } from '@odegrad/core';

/** @throws {EngineError} always: ONNX Runtime is a native module. */
export function onnxEngine(): never {
  throw new EngineError(
    "Engine 'onnx' needs Node. In a browser take engine 'replay': import replay from '@odegrad/engine-replay'; registry.use(replay).",
  );
}

export { onnxEngine as onnx };
