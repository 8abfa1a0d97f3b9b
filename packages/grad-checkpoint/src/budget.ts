import type { Measurement } from '@odegrad/core';

/** What of a solve a budget pays for. Grows with the budget, entry by entry. */
export interface Affordable {
  /** States besides the one at hand; below 1 not even the least is. */
  readonly slots: number;
  /** Of a solve that has come to step n, the last steps that may keep their activations. */
  activations(n: number): number;
  /** The same for the states of their stages, where that saves evaluations. */
  stages(n: number): number;
  /** Whether step n, if only its state is kept, is to be taken again with all its activations at once. */
  retaped(n: number): boolean;
}

/** The budget, what a state takes, and what the rest does. */
export interface Means {
  readonly bytes: number;
  readonly stateBytes: number;
  readonly stages: number;
  readonly measured: Measurement;
}

/**
 * Divides a budget by counting evaluations. Of n + 1 steps, whose states come first, a step costs none in the
 * backward pass with its activations, s with the states of its stages, and else 2s − 1, or s if it is taken again
 * with all its activations. By then later steps are forgotten, so that an early step can always afford this where
 * a late one could keep its activations: the states of stages only pay after those.
 */
export function affordable({ bytes, stateBytes, stages, measured }: Means): Affordable {
  const { kept, working, evaluations } = measured;
  const room = bytes - working.state;
  const slots = Math.floor(room / stateBytes) - 1;
  // What is free while a step with more than its state is at work, because nothing has to be made for it.
  const spare = (level: 'stages' | 'activations'): number => working.state - working[level];
  const roomForTape = room + spare('activations') >= stateBytes + kept.activations;
  const tape = roomForTape && measured.keepingPays() ? kept.activations : Infinity;
  const remade = evaluations > stages;
  const points = remade ? kept.stages : Infinity;

  const count = (n: number, level: 'stages' | 'activations', each: number): number => {
    const left = room - (n + 1) * stateBytes;
    const share = Math.max(0, left) + spare(level);
    if (each === Infinity || share < each) return 0;
    // Where not all states fit, only the step at hand is sure to be among those that do.
    return Math.min(left < 0 ? 1 : n + 1, each === 0 ? Infinity : Math.floor(share / each));
  };
  const retapedSteps = ((): number => {
    if (!remade || tape === Infinity) return 0;
    if (spare('activations') >= tape) return Infinity;
    return Math.max(0, Math.floor((room + spare('activations') - tape) / stateBytes));
  })();
  return {
    slots,
    activations: (n) => count(n, 'activations', tape),
    stages: (n) => Math.min(count(n, 'stages', points), Math.max(0, n + 1 - retapedSteps)),
    retaped: (n) => n < retapedSteps,
  };
}
