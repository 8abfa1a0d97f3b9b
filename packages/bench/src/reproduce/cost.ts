import * as tf from '@tensorflow/tfjs';
import { createLedger } from '@odegrad/core';
import { isolated, type OdeOptions } from '@odegrad/engine-tfjs';
import { median } from 'simple-statistics';
import { byTurns, timed } from '../measure.ts';

/** What a value and gradient takes. */
export interface Cost {
  /** Median over turns in which every strategy worked once; no number where it could not be solved. */
  readonly ms: number;
  readonly evaluations: number;
  /** Most that the ledger counts, every stage evaluated by itself. */
  readonly bytesPeak: number;
}

const TURNS = { runs: 5, warmup: 1, ms: 0 };

/**
 * What the gradient of one loss takes by each strategy. Times are taken with `ode`, by turns, bytes and evaluations with an
 * engine that does one stage at a time.
 */
export function costs(
  loss: (options: OdeOptions) => tf.Scalar,
  strategies: readonly string[],
  ode: OdeOptions,
  staged: OdeOptions['engine'],
): Cost[] {
  const gradient = (options: OdeOptions): void => {
    tf.tidy(() => void isolated(() => tf.variableGrads(() => loss(options))));
  };
  try {
    const turns = byTurns(
      () =>
        strategies.map((strategy) =>
          timed(() => {
            gradient({ ...ode, gradient: strategy });
          }),
        ),
      TURNS,
    );
    return strategies.map((strategy, i) => {
      const ledger = createLedger();
      gradient({ ...ode, gradient: strategy, engine: staged, ledger });
      return {
        ms: median(turns.map((turn) => turn[i]!)),
        evaluations: ledger.evaluationsForward + ledger.evaluationsBackward,
        bytesPeak: ledger.bytesPeak,
      };
    });
  } catch {
    return strategies.map(() => ({ ms: NaN, evaluations: NaN, bytesPeak: NaN }));
  }
}
