import { dotStates, type GradientStrategy, type Method } from '@odegrad/core';
import { differentiateChain, type Chain } from '../gradients/chain.ts';
import type { Check } from './spec.ts';

/** Loss and gradient norms of a run, and how many evaluations its forward pass took. */
export function checkRun<A>(
  chain: Chain<A>,
  strategy: GradientStrategy,
  method: Method,
): { readonly check: Check; readonly nfe: number; readonly steps: number } {
  const { engine } = chain.fields[0]!;
  const run = differentiateChain(chain, strategy, method);
  try {
    const parameters = run.parameters.flat();
    return {
      check: {
        loss: run.loss,
        gnorm_y0: Math.sqrt(dotStates(engine, run.y0, run.y0)),
        gnorm_params: Math.sqrt(dotStates(engine, parameters, parameters)),
      },
      nfe: run.ledger.evaluationsForward,
      steps: run.ledger.accepted,
    };
  } finally {
    run.release();
  }
}
