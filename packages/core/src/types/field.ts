import type { State, Engine } from './engine.ts';
import type { Span } from './span.ts';
import type { ButcherTableau } from './tableau.ts';

/** What pulling a cotangent of `f`'s value back through `f` gives: one array per part of y and per parameter. */
export interface Cotangents<A> {
  /** ⟨cotangent, ∂f/∂t⟩; 0 unless asked for. */
  readonly t: number;
  readonly y: State<A>;
  readonly parameters: State<A>;
}

/** `f` at one point, with the activations that its pullback needs. */
export interface Linearization<A> {
  readonly value: State<A>;
  /** Bytes of activations held until `release()`, parameters and the point itself not counted. */
  readonly bytes: number;
  /** Bytes of states held besides: the stage states of a step that an engine fused. */
  readonly stateBytes?: number;
  /** May be called again. `t` is computed where `withTime` is true. */
  pullback(cotangent: State<A>, withTime: boolean): Cotangents<A>;
  /** Frees the activations, not `value`. */
  release(): void;
}

/** What is asked of f at a point. */
export interface FieldAtPoints<A> {
  evaluate(t: number, y: State<A>): State<A>;
  linearize(t: number, y: State<A>): Linearization<A>;
  /**
   * Evaluates and pulls back in one go, where an engine has a faster way than `linearize` followed by
   * `pullback`. `bytes` are the activations that it holds in between. The value of f is wanted with the time alone.
   */
  readonly vjp?: (t: number, y: State<A>, cotangent: State<A>, withTime: boolean) => VectorJacobianProduct<A>;
}

/** The vector field dy/dt = f(t, y), prepared for one engine. */
export interface VectorField<A> extends FieldAtPoints<A> {
  readonly engine: Engine<A>;
  /** The arrays that gradients are taken for besides y; never released by core. */
  readonly parameters: State<A>;
  /**
   * f where parts of y that it does not read (integrals along the way) do not matter: their slopes may have any finite
   * value, and their cotangents are zero. For slopes of which only points for f are made.
   */
  readonly read?: FieldAtPoints<A>;
  /** A whole step, or its whole backward recursion, in one call of the engine, where it has such a thing. */
  readonly fuse?: (tableau: ButcherTableau) => FusedStep<A> | undefined;
}

/** The cotangents pulled back at a point, and the value of f there; without time gradients it may be left out. */
export interface VectorJacobianProduct<A> extends Cotangents<A> {
  readonly value?: State<A>;
  readonly bytes: number;
}

/**
 * A tableau's step as one call of an engine. Not used where time gradients are wanted, nor where the states of its stages
 * are.
 */
export interface FusedStep<A> {
  /** y₁, for one evaluation of each solution stage. */
  advance(span: Span, y: State<A>): State<A>;
  /** A step with its error estimate, from the slope at its start. */
  attempt?(span: Span, y: State<A>, slope: State<A>): FusedAttempt<A>;
  /** y₁ and the activations of all stages; its pullback takes ∂ℒ/∂y₁ to ∂ℒ/∂y and the parameters. */
  linearize?(span: Span, y: State<A>): Linearization<A>;
  /**
   * Evaluates the stages again and pulls ∂ℒ/∂y₁ back, holding `bytes` of activations in between. Absent where they are too
   * many to be held at once.
   */
  readonly adjoint?: ((span: Span, y: State<A>, cotangent: State<A>) => FusedAdjoint<A>) | undefined;
  /** Several steps in one call, where the engine has that too. */
  readonly several?: FusedSteps<A> | undefined;
}

/** Consecutive steps, in order of time, as one call of an engine. */
export interface FusedSteps<A> {
  /** The most steps that one call may take. */
  readonly longest: number;
  /** Steps over `spans`, one after the other from `y`: the state at the end of each. */
  advance(spans: readonly Span[], y: State<A>): readonly State<A>[];
  /**
   * Evaluates the stages of each step again, from the state in `ys` that it starts from, and pulls ∂ℒ/∂y back from the
   * end of the last step to the start of the first.
   */
  adjoint?(spans: readonly Span[], ys: readonly State<A>[], cotangent: State<A>): FusedAdjoint<A>;
  /**
   * The same with the activations of one stage at a time, for 2s − 1 evaluations a step; one step is several, too. Asked where
   * `FusedStep.adjoint` is absent.
   */
  stagedAdjoint?(spans: readonly Span[], ys: readonly State<A>[], cotangent: State<A>): FusedAdjoint<A>;
  /** Steps over `spans` from `y`, each with the activations of its stages, which live until it is released. */
  linearize?(spans: readonly Span[], y: State<A>): readonly Linearization<A>[];
  /** Pulls ∂ℒ/∂y back through consecutive steps, from the end of the last to the start of the first. */
  pullback?(
    linearizations: readonly Linearization<A>[],
    cotangent: State<A>,
  ): Pick<Cotangents<A>, 'y' | 'parameters'>;
}

/** What an attempted step gives in one call. */
export interface FusedAttempt<A> {
  readonly y: State<A>;
  /** Estimate of the local error, unscaled. */
  readonly error: State<A>;
  /** f at the end of the step, where the method evaluates it anyway (FSAL). */
  readonly last?: State<A>;
}

/** ∂ℒ/∂y at the start of the first step, and what the steps add to ∂ℒ/∂θ. */
export interface FusedAdjoint<A> {
  readonly y: State<A>;
  readonly parameters: State<A>;
  /** Bytes of activations held in between: those of one step, or of one stage. */
  readonly bytes: number;
  /** Bytes of states held besides, in between. */
  readonly stateBytes?: number;
}
