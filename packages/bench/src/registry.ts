import { createRegistry, type Registry } from '@odegrad/core';
import { onnx, type OnnxOptions } from '@odegrad/engine-onnx';
import tfjs from '@odegrad/engine-tfjs';
import { wasm } from '@odegrad/engine-wasm';
import adjoint from '@odegrad/grad-adjoint';
import backprop from '@odegrad/grad-backprop';
import checkpoint from '@odegrad/grad-checkpoint';
import symplectic from '@odegrad/grad-symplectic';
import implicit from '@odegrad/implicit';
import tableaux from '@odegrad/tableaux';
import { auto, type AutoChoice } from '@odegrad/trace';

/** Everything that the command line can name; whether steps are fused is said to both engines that compile. */
export function benchRegistry(engine: OnnxOptions = {}): Registry {
  const registry = createRegistry()
    .use(tableaux)
    .use(implicit)
    .use(backprop)
    .use(checkpoint)
    .use(symplectic)
    .use(adjoint)
    .use(tfjs)
    .use(onnx(engine))
    .use(wasm({ fuse: engine.fuse ?? true }));
  // What was chosen is no part of what commands print.
  const said = new Set<string>();
  // Of functions alike it is said once.
  const onChoice = ({ engine: name, reason }: AutoChoice): void => {
    if (said.has(name + reason)) return;
    said.add(name + reason);
    process.stderr.write(`Engine ${name}: ${reason}.\n`);
  };
  return registry.use(auto(registry, { onChoice }));
}

/** Everything that the command line can name, engines as they come. */
export const registry: Registry = benchRegistry();
