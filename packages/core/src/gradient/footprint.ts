import type { Level } from './trajectory.ts';

/** What the bytes of a solve depend on. */
export interface SolveShape {
  readonly stateBytes: number;
  /** Bytes of each parameter. */
  readonly parameterBytes: readonly number[];
  /** Bytes of the activations of one evaluation. */
  readonly activationBytes: number;
  /** Solution stages. */
  readonly stages: number;
  /** Further stages, for the error estimate of an attempt. */
  readonly errorStages: number;
  /** Whether the last of those is at y₁. */
  readonly firstSameAsLast: boolean;
  readonly adaptive: boolean;
  readonly timeGradients: boolean;
  /** Output times that differ. */
  readonly outputs: number;
  /** Whether the field evaluates and pulls back in one go. */
  readonly vjp: boolean;
  /**
   * Where the engine takes whole steps, the bytes of a linearization and within a pullback, and whether it attempts
   * them with their error estimate, as far as it has them.
   */
  readonly fused?:
    | {
        readonly linearize?: number | undefined;
        readonly adjoint?: number | undefined;
        readonly attempt?: boolean;
      }
    | undefined;
}

/** Bytes by what is kept of a step. */
export type BytesByLevel = Readonly<Record<Exclude<Level, 'nothing'>, number>>;

/** Bytes of a solve, as the ledger books them. */
export interface Footprint {
  /** Of a kept step, beyond the state that it starts from. */
  readonly kept: BytesByLevel;
  /**
   * The most that core holds besides what is kept of the steps, while a step of which so much is kept is taken or
   * pulled back; where that is its state, by way of the states of its stages.
   */
  readonly working: BytesByLevel;
}

/**
 * What a solve holds, read off the loops: `integrate` and a solver's `step` forward; `restore`, `adjointStep` and
 * the sums of `sweep` backward. For Runge–Kutta solvers with two output times it is what the ledger shows.
 */
export function footprint(shape: SolveShape): Footprint {
  const { stateBytes: x, stages: s, activationBytes, timeGradients, adaptive, outputs } = shape;
  const { linearize: whole, adjoint } = shape.fused ?? {};
  const taped = (s - 1) * x + s * activationBytes + (timeGradients ? s * x : 0);
  // Of adaptive steps only those taken again are whole, and with their activations only for want of `adjoint`.
  const again = whole === undefined || adjoint !== undefined ? taped : Math.max(taped, whole);
  const kept = {
    state: 0,
    stages: (s - 1) * x,
    activations: adaptive ? again : (whole ?? taped),
  };
  const [forward, backward] = [attempt(shape), pullback(shape)];
  // The last output state is made by the last attempt, and there from the first pullback on.
  const working = (level: keyof BytesByLevel): number =>
    Math.max(0, outputs - 2) * x + Math.max(forward[level], x + backward[level]);
  return {
    kept,
    working: { state: working('state'), stages: working('stages'), activations: working('activations') },
  };
}

function attempt(shape: SolveShape): BytesByLevel {
  const { stateBytes: x, stages: s, errorStages, activationBytes, timeGradients, adaptive, fused } = shape;
  const points = errorStages - Number(errorStages > 0 && shape.firstSameAsLast);
  // All slopes, the points of the error's stages, y₁, the error.
  const made = (s + errorStages + points + 1 + Number(adaptive)) * x;
  // The stage at the start may come with activations from before.
  const before = adaptive ? activationBytes : 0;
  // In one call: the slope at the start, y₁, the error, and the slope at the end.
  const whole = (3 + Number(shape.firstSameAsLast)) * x;
  return {
    state:
      !fused || (adaptive && !fused.attempt) ? made + before + (s - 1) * x : adaptive ? whole + before : x,
    stages: made + before,
    activations:
      fused?.linearize !== undefined && !adaptive
        ? x
        : made + errorStages * activationBytes - (timeGradients ? s * x : 0),
  };
}

function pullback(shape: SolveShape): BytesByLevel {
  const { stateBytes: x, stages: s, parameterBytes, activationBytes, timeGradients, adaptive, vjp } = shape;
  const { linearize, adjoint } = shape.fused ?? {};
  const sum = parameterBytes.reduce((total, part) => total + part, 0);
  // Of the summand what is not added yet, and the next part of the new sum.
  let [left, adding] = [sum, 0];
  for (const part of parameterBytes) {
    adding = Math.max(adding, left + part);
    left -= part;
  }
  // The worst moment is the last stage's: λ, K̄, the other stages' g and the sum of the parameters are there.
  const before = (s + 1) * x + sum;
  const slopes = timeGradients ? (s - 1) * x : 0;
  const results = 2 * x + adding;
  const stages = before + slopes + (vjp ? Math.max(activationBytes, results) : activationBytes + results);
  const whole = Math.max(2 * x + 2 * sum, x + sum + adding);
  return {
    state: adjoint === undefined ? (s - 1) * x + stages : Math.max(x + sum + adjoint, whole),
    stages,
    activations: linearize !== undefined && !adaptive ? whole : before + x + adding,
  };
}
