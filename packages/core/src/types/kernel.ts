import type { State } from './engine.ts';
import type { Span } from './span.ts';

/**
 * Steps of a solver, in order of time, as one call of an engine. Every array that it gives is new and the caller's. Not asked
 * where time gradients are wanted, nor where the states of stages are to be kept.
 */
export interface StepKernel<A> {
  /** The most steps that one call takes: 1 or more. */
  readonly longest: number;
  /**
   * The activations that `adjoint` holds at once: those of a step, for one evaluation of each stage, or those of one stage,
   * for 2s − 1 evaluations a step.
   */
  readonly alive: 'step' | 'stage';
  /** Steps over `spans`, one after the other from `y`, for one evaluation of each solution stage. */
  advance(spans: readonly Span[], y: State<A>, keep: 'states' | 'activations'): Segment<A>;
  /**
   * Evaluates the stages of each step again, from the state in `ys` that it starts from, and pulls ∂ℒ/∂y back from the end
   * of the last step to the start of the first.
   */
  adjoint(spans: readonly Span[], ys: readonly State<A>[], cotangent: State<A>): SegmentAdjoint<A>;
  /** A step with its error estimate, from the slope at its start; absent where it is to be taken stage by stage. */
  attempt?(span: Span, y: State<A>, slope: State<A>): Attempt<A>;
}

/** Consecutive steps that were taken in one call. */
export interface Segment<A> {
  /** y at the end of each. */
  readonly states: readonly State<A>[];
  /** Of them all, where activations were to be kept. */
  readonly linearization?: SegmentLinearization<A>;
}

/** The activations of consecutive steps. */
export interface SegmentLinearization<A> {
  /** Bytes of activations held until `release()`, and of states held besides: those of the stages. */
  readonly bytes: number;
  readonly stateBytes: number;
  /**
   * Pulls back to the start of the first step. `cotangents` are ∂ℒ/∂y at the end of each step, undefined for zero; of the
   * last steps they may be left out, and the last of those given is not undefined. May be called again.
   */
  pullback(cotangents: readonly (State<A> | undefined)[]): SegmentCotangents<A>;
  release(): void;
}

/** ∂ℒ/∂y at the start of the first step, and what the steps add to ∂ℒ/∂θ. */
export interface SegmentCotangents<A> {
  readonly y: State<A>;
  readonly parameters: State<A>;
}

/** The cotangents, and what making them took. */
export interface SegmentAdjoint<A> extends SegmentCotangents<A> {
  /** Evaluations of f. */
  readonly evaluations: number;
  /** Bytes of activations held in between, and of states besides. */
  readonly bytes: number;
  readonly stateBytes: number;
}

/** What an attempted step gives in one call. */
export interface Attempt<A> {
  readonly y: State<A>;
  /** Estimate of the local error, unscaled. */
  readonly error: State<A>;
  /** f at the end of the step, where the method evaluates it anyway (FSAL). */
  readonly last?: State<A>;
  /** Evaluations of f, the one at the start not counted. */
  readonly evaluations: number;
}
