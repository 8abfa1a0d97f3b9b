import {
  ArgumentError,
  checkOptions,
  METHOD_RULES,
  scheduled,
  SolveError,
  type GradientStrategy,
} from '@odegrad/core';
import type { Level, Outlook, Retention, Rule } from '@odegrad/core';
import { affordable, type Affordable } from './budget.ts';
import { createOnline } from './online.ts';
import { reversing } from './reversal.ts';
import { placements } from './revolve.ts';
import { shareOut } from './share-out.ts';

/** What `auto` has to get by with. */
export interface AutoOptions {
  /** The most bytes that the ledger of any solve is to show. Each solve may name fewer with its own `maxBytes`. */
  readonly maxBytes?: number;
}

const RULES: Readonly<Record<keyof AutoOptions, Rule>> = { maxBytes: METHOD_RULES.maxBytes };

/**
 * The exact gradient with the fewest evaluations that a memory budget allows: the last steps keep their
 * activations or the states of their stages, others their states; where not all states fit, a binomial subset of
 * them. Decided as the solve goes on; the ledger never shows more than the budget.
 *
 * @throws {ArgumentError} for unknown options, if `maxBytes` is not positive, and from `solve` where none is given at all.
 * @throws {SolveError} `over-budget` from `solve`, before the first step, with the `leastBytes` that would do.
 */
export function auto(options: AutoOptions = {}): GradientStrategy {
  checkOptions('auto', options, RULES);
  return scheduled({
    ...{ name: 'auto', keepsBudget: true, shareOut, ...options },
    retention(outlook) {
      if (outlook.maxBytes !== undefined) return budgeted(outlook, outlook.maxBytes);
      throw new ArgumentError(
        "Gradient 'auto' keeps to a memory budget: give `maxBytes`, the most bytes that the solve may hold.",
      );
    },
  });
}

function budgeted(outlook: Outlook, maxBytes: number): Retention {
  const { steps, stages, stateBytes, heldBytes } = outlook;
  const measured = outlook.measure();
  const means = affordable({ bytes: maxBytes - heldBytes, stateBytes, stages, measured });
  // A single step begins with the state at hand.
  const states = Math.min(2, steps ?? 2);
  if (means.slots + 1 < states) {
    throw overBudget(outlook, maxBytes, heldBytes + measured.working.state + states * stateBytes);
  }
  const reversal = reversing(means.slots, (last) => (means.retaped(last) ? 'activations' : 'stages'));
  return { keep: steps === undefined ? adaptive(means) : fixed(means, steps), ...reversal };
}

/** What is kept of step n of a solve that has come to step `last`. */
function levelOf(means: Affordable, n: number, last: number): Level {
  if (n > last - means.activations(last)) return 'activations';
  return n > last - means.stages(last) ? 'stages' : 'state';
}

/** The number of steps is known: each is kept as it is to be in the end. */
function fixed(means: Affordable, steps: number): Retention['keep'] {
  const kept = new Set(placements(steps, means.slots)).add(steps - 1);
  return (n) => (kept.has(n) ? levelOf(means, n, steps - 1) : 'nothing');
}

/** Each step may be the last: what was kept of those before gives way to it. */
function adaptive(means: Affordable): Retention['keep'] {
  const schedule = createOnline(means.slots);
  let rich = 0;
  return (n, trajectory) => {
    const lost = schedule.accept(n);
    if (lost !== undefined) trajectory.demote(lost, 'nothing');
    while (rich < n && levelOf(means, rich, n) === 'state') trajectory.demote(rich++, 'state');
    return levelOf(means, n, n);
  };
}

function overBudget({ t0, heldBytes }: Outlook, maxBytes: number, leastBytes: number): SolveError {
  const others = heldBytes > 0 ? `, ${heldBytes} of which other solves on the same ledger hold` : '';
  return new SolveError(
    'over-budget',
    `A budget of ${maxBytes} bytes is too small: this gradient takes ${leastBytes} at least${others}. Raise ` +
      `\`maxBytes\`, or make the state, the parameters or f smaller`,
    { t: t0, h: 0, steps: 0, leastBytes },
  );
}
