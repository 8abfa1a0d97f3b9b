import { forward } from '@odegrad/core';
import { openEngine } from '../engines.ts';
import { differentiateChain } from '../gradients/chain.ts';
import { denseChain } from '../gradients/dense-chain.ts';
import { benchRegistry } from '../registry.ts';
import { solveForward, watched, type Resident } from './resident.ts';

/** Sizes of a chain of dense networks: those of the table of methods. */
export interface ChainSizes {
  /** N. */
  readonly steps: number;
  /** Its stages are s. */
  readonly tableau: string;
  /** L. */
  readonly layers: number;
  /** M. */
  readonly components: number;
}

/** A gradient through such a chain. */
export interface ChainTask extends ChainSizes {
  readonly kind: 'chain';
  readonly strategy: string;
  readonly engine: string;
  readonly width: number;
  readonly batch: number;
}

/** Differentiates the chain, every stage evaluated by itself, in this process. */
export async function measureChain(task: ChainTask): Promise<Resident> {
  const { engine, strategy, tableau, steps, width, batch, layers, components } = task;
  const registry = benchRegistry({ fuse: false });
  const choice = await openEngine(engine, registry);
  const { chain } = denseChain(choice.engine, {
    width,
    batch,
    layers,
    components,
    seed: 1,
    dtype: 'float32',
  });
  const method = { solver: registry.get('solver', tableau), stepping: { numSteps: steps } };
  return watched(() => {
    if (strategy === forward.name) return solveForward(chain, method);
    const gradient = differentiateChain(chain, registry.get('gradient', strategy), method);
    gradient.release();
    return gradient.ledger.bytesPeak;
  });
}
