import { ArgumentError, type GradientStrategy, type Registry } from '@odegrad/core';
import { binomial, minimalExtraSteps, online } from '@odegrad/grad-checkpoint';
import type { Comparison } from './compare.ts';

/** How much the strategies that keep to something may hold. */
export interface Budgets {
  readonly checkpoints?: number;
  readonly maxBytes?: number;
}

/**
 * Strategies by name; `checkpoints` goes to those that count states.
 *
 * @throws {ArgumentError} if one of them needs a budget and there is none.
 */
export function chooseStrategies(
  names: readonly string[],
  { checkpoints, maxBytes }: Budgets,
  registry: Registry,
): GradientStrategy[] {
  if (maxBytes === undefined && names.includes('auto')) {
    throw new ArgumentError(
      "Gradient 'auto' keeps to a budget: give --max-bytes, the most bytes that a solve may hold.",
    );
  }
  const counting: Partial<Record<string, (options: { checkpoints: number }) => GradientStrategy>> = {
    binomial,
    online,
  };
  return names.map((name) => {
    const make = counting[name];
    return make && checkpoints !== undefined ? make({ checkpoints }) : registry.get('gradient', name);
  });
}

/** Strategies that count states, or bytes. */
const BUDGETED: readonly string[] = ['binomial', 'online', 'auto'];

/** What budgets add to the record of a strategy; `null` where it does not apply. */
export interface BudgetFields {
  readonly checkpoints: number | null;
  readonly extraSteps: number;
  /** The fewest steps that any schedule advances again with as many states. */
  readonly extraStepsOptimal: number | null;
  readonly maxBytes: number | null;
}

/** The fields of a row, for `components` solves of `steps` steps; none where no budget is in play. */
export function budgetFields(
  { strategy, steps, extraSteps }: Comparison,
  settings: Budgets & { readonly components: number; readonly strategies: readonly string[] },
): BudgetFields | Record<string, never> {
  const { checkpoints, maxBytes, components, strategies } = settings;
  const inPlay = checkpoints !== undefined || maxBytes !== undefined;
  if (!inPlay && !strategies.some((name) => BUDGETED.includes(name))) return {};
  const counts = (strategy === 'binomial' || strategy === 'online') && checkpoints !== undefined;
  return {
    checkpoints: counts ? checkpoints : null,
    extraSteps,
    extraStepsOptimal: counts ? components * minimalExtraSteps(steps, checkpoints) : null,
    maxBytes: strategy === 'auto' ? (maxBytes ?? null) : null,
  };
}
