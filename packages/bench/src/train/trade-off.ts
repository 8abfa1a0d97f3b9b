import { SolveError, type GradientStrategy, type Registry } from '@odegrad/core';
import type { FieldEngine } from '@odegrad/engine-tfjs';
import { auto } from '@odegrad/grad-checkpoint';
import type { Comparison } from '../gradients/compare.ts';
import { compareTrained } from './compare-trained.ts';
import type { Trained } from './session.ts';

/** Time against memory. */
export interface TradeOff {
  readonly strategies: readonly Comparison[];
  /** `auto` on budgets from the least that does to what keeping everything takes. */
  readonly budgets: readonly Comparison[];
}

const BUDGETS = 8;

/** Differentiates the trained model by strategies of the registry, and by `auto` on budgets between them. */
export function tradeOff<A>(
  trained: Trained,
  engine: FieldEngine<A>,
  registry: Registry,
  names: readonly string[],
): TradeOff {
  const compare = (gradients: readonly GradientStrategy[]): Comparison[] =>
    compareTrained(trained, engine, registry, gradients);
  const strategies = compare(names.map((name) => registry.get('gradient', name)));
  const least = leastBytes(() => compare([auto({ maxBytes: 1 })]));
  const most = Math.max(least, ...strategies.map(({ bytesPeak }) => bytesPeak));
  const ratio = (most / least) ** (1 / (BUDGETS - 1));
  const budgets = Array.from({ length: BUDGETS }, (_, i) => Math.ceil(least * ratio ** i));
  return { strategies, budgets: compare(budgets.map((maxBytes) => auto({ maxBytes }))) };
}

/** The budget that a solve with too small a one names. */
function leastBytes(solve: () => unknown): number {
  try {
    solve();
  } catch (error) {
    if (error instanceof SolveError && error.leastBytes !== undefined) return error.leastBytes;
    throw error;
  }
  return 1;
}
