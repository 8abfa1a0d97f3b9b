import { dotStates, type GradientStrategy, type Method } from '@odegrad/core';
import { differentiateChain, type Chain } from '../gradients/chain.ts';
import type { Check } from './spec.ts';

/** What a value and gradient of a run gave, and what it took. */
export interface CheckedRun {
  readonly check: Check;
  /** Evaluations of the forward pass, and its steps. */
  readonly nfe: number;
  readonly steps: number;
  /** Evaluations and pullbacks of both passes. */
  readonly evaluations: number;
  readonly pullbacks: number;
}

/** Loss and gradient norms of a run, with its counts. */
export function checkRun<A>(chain: Chain<A>, strategy: GradientStrategy, method: Method): CheckedRun {
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
      evaluations: run.ledger.evaluationsForward + run.ledger.evaluationsBackward,
      pullbacks: run.ledger.pullbacks,
    };
  } finally {
    run.release();
  }
}

/** The first entry by which two checks differ more than `tolerance` of its size. */
export function disagreement(a: Check, b: Check, tolerance: Check): keyof Check | undefined {
  const names = ['loss', 'gnorm_y0', 'gnorm_params'] as const;
  return names.find((name) => !(Math.abs(a[name] - b[name]) <= tolerance[name] * Math.abs(b[name])));
}
