import type { Level } from './trajectory.ts';
import type { StepKernel } from '../types/kernel.ts';

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
  /** States that are read off steps. */
  readonly between: number;
  /** Whether those are of single rows, whose cotangents are spread over states first. */
  readonly rows: boolean;
  /** Whether every step is read, and by somebody who may end the solve there. */
  readonly observed: boolean;
  /** Bumps of the interpolant that they are read off. */
  readonly bumps: number;
  /** Whether the field evaluates and pulls back in one go. */
  readonly vjp: boolean;
  /** Where the engine takes whole steps. */
  readonly whole: WholeSteps | undefined;
}

/** Bytes of steps that an engine takes in one call, and what it can do. */
export interface WholeSteps extends Pick<StepKernel<never>, 'alive'> {
  /** Of a linearization, with its states. */
  readonly linearization: number;
  /** Within a pullback. */
  readonly adjoint: number;
  /** Whether steps are attempted with their error estimate. */
  readonly attempt: boolean;
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
 * the sums of `sweep` backward. For Runge–Kutta solvers with two output times it is what the ledger shows, and where states are read off
 * steps no less.
 */
export function footprint(shape: SolveShape): Footprint {
  const { whole } = shape;
  if (!isRead(shape) || !whole) return footprintOf(shape);
  // Steps that are read off go stage by stage, the others in calls of the engine.
  const [a, b] = [footprintOf(shape), footprintOf({ ...shape, whole: undefined })];
  const larger = (x: BytesByLevel, y: BytesByLevel): BytesByLevel => ({
    state: Math.max(x.state, y.state),
    stages: Math.max(x.stages, y.stages),
    activations: Math.max(x.activations, y.activations),
  });
  return { kept: larger(a.kept, b.kept), working: larger(a.working, b.working) };
}

const isRead = ({ between, observed }: SolveShape): boolean => between > 0 || observed;

function footprintOf(shape: SolveShape): Footprint {
  const { stateBytes: x, stages: s, activationBytes, timeGradients, adaptive, outputs } = shape;
  const { whole, between, bumps, rows } = shape;
  // Forward the bumps and the base of a state; backward what of y₀, y₁ and the slopes is read, of the step and the one before.
  const [readOff, readBack] = isRead(shape) ? [(bumps + 2) * x, (2 * bumps + (rows ? 11 : 9)) * x] : [0, 0];
  const taped = (s - 1) * x + s * activationBytes + (timeGradients ? s * x : 0);
  // Of adaptive steps only those taken again are whole, and with their activations only where `adjoint` holds fewer.
  const again = whole?.alive === 'stage' ? Math.max(taped, whole.linearization) : taped;
  const kept = {
    state: 0,
    // Of no use where the engine pulls steps back from their states with as many evaluations.
    stages: whole?.alive === 'step' ? 0 : (s - 1) * x,
    activations: adaptive || !whole ? again : whole.linearization,
  };
  const [forward, backward] = [attempt(shape), pullback(shape)];
  // The last output state is made by the last attempt, and there from the first pullback on.
  const working = (level: keyof BytesByLevel): number =>
    (Math.max(0, outputs - 2) + between) * x +
    Math.max(forward[level] + readOff, x + backward[level] + readBack);
  return {
    kept,
    working: {
      state: working('state'),
      stages: working(whole?.alive === 'step' ? 'state' : 'stages'),
      activations: working('activations'),
    },
  };
}

function attempt(shape: SolveShape): BytesByLevel {
  const { stateBytes: x, stages: s, errorStages, activationBytes, timeGradients, adaptive, whole } = shape;
  const points = errorStages - Number(errorStages > 0 && shape.firstSameAsLast);
  // The stage at the end, where it is read and no stage of the error.
  const atEnd = Number(isRead(shape) && !(errorStages > 0 && shape.firstSameAsLast));
  // All slopes, the points of the error's stages, y₁, the error.
  const made = (s + errorStages + points + 1 + Number(adaptive) + atEnd) * x;
  // The stage at the start may come with activations from before.
  const before = adaptive || isRead(shape) ? activationBytes : 0;
  // In one call: the slope at the start, y₁, the error, and the slope at the end.
  const attempted = (3 + Number(shape.firstSameAsLast)) * x;
  return {
    state:
      !whole || (adaptive && !whole.attempt)
        ? made + before + (s - 1) * x
        : adaptive
          ? attempted + before
          : x,
    stages: made + before,
    activations:
      whole && !adaptive ? x : made + (errorStages + atEnd) * activationBytes - (timeGradients ? s * x : 0),
  };
}

function pullback(shape: SolveShape): BytesByLevel {
  const {
    stateBytes: x,
    stages: s,
    parameterBytes,
    activationBytes,
    timeGradients,
    adaptive,
    vjp,
    whole,
  } = shape;
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
  const inOneCall = Math.max(2 * x + 2 * sum, x + sum + adding);
  // The slope at the end of the last step is pulled back by itself.
  const atEnd = isRead(shape) ? 3 * x + sum + activationBytes + results : 0;
  return {
    state: whole ? Math.max(x + sum + whole.adjoint, inOneCall) : (s - 1) * x + stages,
    stages,
    activations: whole && !adaptive ? inOneCall : Math.max(before + x + adding, atEnd),
  };
}
