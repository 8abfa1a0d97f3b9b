import { SolveError, type GradientStrategy } from '@odegrad/core';
import { runTrial, type Trial } from './trial.ts';

/** The least budget with which a strategy solves and pulls back, as its refusal of a byte names it. */
export function leastBytes(
  strategyFor: (options: { readonly maxBytes: number }) => GradientStrategy,
  trial: Trial,
): number {
  try {
    runTrial(strategyFor({ maxBytes: 1 }), trial);
  } catch (error) {
    if (error instanceof SolveError && error.code === 'over-budget') return error.leastBytes!;
    throw error;
  }
  throw new Error('A byte was enough.');
}
