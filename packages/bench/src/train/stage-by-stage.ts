import { openEngine, type EngineChoice } from '../engines.ts';
import { benchRegistry } from '../registry.ts';

/**
 * The engine of a training, for comparing gradients: with whole steps in one call checkpoint, stages and symplectic are one
 * where f is as small as in our problems, so here every stage is a call of its own.
 */
export async function stageByStage({ engine, backend }: EngineChoice): Promise<EngineChoice['engine']> {
  if (engine.name !== 'onnx' && engine.name !== 'wasm') return engine;
  return (await openEngine(`${engine.name}:${backend}`, benchRegistry({ fuse: false }))).engine;
}
