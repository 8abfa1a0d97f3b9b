/**
 * The interfaces that everything in odegrad is made of. This file imports no implementation: calls go
 * down from `odeint` through a strategy, the stepping loop and a solver to an engine, and values come up.
 */
import type { ButcherTableau } from './tableau.ts';
import type { Ledger, Statistics } from './ledger.ts';

/** The unknown y: a list of arrays of one engine, stepped together. `A` is opaque to core. */
export type State<A> = readonly A[];

/** One summand `coefficient · value` of a linear combination. */
export interface Term<A> {
  readonly coefficient: number;
  readonly value: A;
}

/** Relative and absolute tolerance of the local error, per entry: atol + rtol·max(|y₀|, |y₁|). */
export interface Tolerance {
  readonly rtol: number;
  readonly atol: number;
}

/**
 * Arithmetic on the arrays of one library, in one precision. Every result is a new array that the caller
 * owns; no argument is changed or released. Time, step sizes and coefficients are JavaScript numbers.
 */
export interface Engine<A> {
  readonly name: string;
  /** Unit roundoff u of the arrays: 2⁻²⁴ (float32) or 2⁻⁵³ (float64). */
  readonly roundoff: number;
  /** `base + Σ cᵢ xᵢ` in one pass; `Σ cᵢ xᵢ` without a base. There is at least one term. */
  combine(base: A | undefined, terms: readonly Term<A>[]): A;
  /** An array of zeros with the shape of `like`. */
  zeros(like: A): A;
  /** Inner product `⟨x, y⟩`. */
  dot(x: A, y: A): number;
  /**
   * RMS of `error / (atol + rtol·max(|y0|, |y1|))`. An entry whose error is 0 counts 0, whatever its scale;
   * `NaN` and infinities give `Infinity`.
   */
  scaledNorm(error: A, y0: A, y1: A, tolerance: Tolerance): number;
  /** Whether every entry is finite. */
  isFinite(x: A): boolean;
  /** Bytes of the array's data. */
  bytes(x: A): number;
  /** Frees the array. Called once, by core alone. */
  release(x: A): void;
  /**
   * Room for states like `y` that wait for the backward pass, where as many arrays would weigh a multiple of their data. Undefined
   * where they would not.
   */
  shelf?(y: State<A>): Shelf<A> | undefined;
}

/** Copies of states, by the number of the step that each belongs to, at little more than the bytes of their data. */
export interface Shelf<A> {
  put(index: number, y: State<A>): void;
  /** New arrays that the caller owns. */
  get(index: number): State<A>;
  /** Arrays to read from as long as nothing is removed; nobody releases them. */
  peek(index: number): State<A>;
  /** Lets go of what was put there. */
  remove(index: number): void;
}

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

/** The interval of one step; `t1` is the very number at which the next step begins. */
export interface Span {
  readonly t0: number;
  readonly t1: number;
}

/** One evaluation of f within a step: where, the slope, and the activations where they were asked for. */
export interface Stage<A> {
  readonly t: number;
  readonly y: State<A>;
  /** k = f(t, y); absent where a stage state was made again and its slope is not needed. */
  readonly slope?: State<A>;
  readonly linearization?: Linearization<A>;
}

/** How a solver has f evaluated: it names a point and gets the slope there. */
export interface StageEvaluator<A> {
  readonly engine: Engine<A>;
  /** The stage at a point; of the slope of an `inner` one, only points for f are made (`VectorField.read`). */
  at(t: number, y: State<A>, inner?: boolean): Stage<A>;
  /** A whole step in one call, where the engine can; it may take later ones along. */
  fused?(tableau: ButcherTableau, stages: number, span: Span, y: State<A>): Step<A> | undefined;
  /** A whole step with its error estimate in one call, from the stage at its start, where the engine can. */
  attempt?(tableau: ButcherTableau, span: Span, first: Stage<A>): Step<A> | undefined;
}

/** What one attempted step gives. */
export interface Step<A> {
  readonly y: State<A>;
  /** The stages on which y depends, in order. */
  readonly stages: readonly Stage<A>[];
  /** Estimate of the local error, unscaled, where it was asked for. */
  readonly error?: State<A>;
  /** f at the end of the step, where the method evaluates it anyway (FSAL). */
  readonly last?: Stage<A>;
  /** The step's activations as one, from an engine that fuses steps; there are no stages then. */
  readonly linearization?: Linearization<A>;
}

/**
 * What a step's pullback does at a stage: pulls `cotangent` of the slope k_i back through f. The cotangent of an `inner`
 * stage came through f alone, so it is zero in parts of y that f does not read (`VectorField.read`).
 */
export type StagePullback<A> = (index: number, cotangent: State<A>, inner?: boolean) => StageCotangents<A>;

/** Result of a stage's pullback; the parameters' part is accumulated elsewhere. */
export interface StageCotangents<A> {
  readonly y: State<A>;
  readonly t: number;
  /** k_i, given where time gradients are wanted. */
  readonly slope?: State<A>;
}

/** ∂ℒ/∂y at the start of a step, and ∂ℒ with respect to its two end times. */
export interface StepCotangents<A> {
  readonly y: State<A>;
  readonly t0: number;
  readonly t1: number;
}

/** A one-step method. It holds nothing between steps. */
export interface Solver {
  readonly name: string;
  readonly order: number;
  /** Evaluations of f that a step of constant size costs. */
  readonly stages: number;
  /** The order of the embedded solution; `undefined` where the method estimates no error. */
  readonly embeddedOrder?: number;
  /** For Runge–Kutta methods, the tableau: what `VectorField.fuse` takes. */
  readonly tableau?: ButcherTableau;
  /** One step over `span` from `y`. `first` is the stage at (t0, y) where it is already known. */
  step<A>(evaluator: StageEvaluator<A>, span: Span, y: State<A>, request: StepRequest<A>): Step<A>;
  /**
   * The solution stages of the step alone, without y₁; `slopes: 'all'` evaluates every one (with whatever
   * the evaluator keeps), `'needed'` only those that a later stage state depends on.
   * Absent, with `adjointStep`, from methods whose steps cannot be differentiated.
   */
  restage?<A>(
    evaluator: StageEvaluator<A>,
    span: Span,
    y: State<A>,
    slopes: 'all' | 'needed',
  ): readonly Stage<A>[];
  /**
   * Pulls `cotangent` of y₁ back through the step, asking `pullback` for each solution stage once, last
   * stage first.
   */
  adjointStep?<A>(
    engine: Engine<A>,
    span: Span,
    cotangent: State<A>,
    pullback: StagePullback<A>,
    withTime: boolean,
  ): StepCotangents<A>;
}

/** What a step is to give besides y₁. */
export interface StepRequest<A> {
  readonly first?: Stage<A> | undefined;
  /** Whether the error estimate is wanted, and with it `last`. */
  readonly error: boolean;
  /** Whether the stages' states are wanted; without them a step may be a single call of the engine. */
  readonly stages: boolean;
}

/**
 * The initial value problem y(ts[0]) = y0, wanted at every ts[i]. Times may be repeated, and one alone is as good: no step
 * is taken then, and the state is the same.
 */
export interface Problem<A> {
  readonly field: VectorField<A>;
  readonly y0: State<A>;
  /** One output time or more, increasing or decreasing. */
  readonly ts: readonly number[];
  /** Whether `pullback` is to give ∂ℒ/∂ts; it costs inner products. */
  readonly timeGradients?: boolean;
  /** How many leading parts of the state enter the error norm (a seminorm); all of them by default. */
  readonly normedParts?: number;
}

/** Equal steps between neighbouring output times: so many, or none larger than `stepSize`. */
export type FixedStepping = { readonly numSteps: number } | { readonly stepSize: number };

/** Steps chosen by a controller from the embedded error. */
export interface AdaptiveStepping extends Tolerance {
  readonly controller: StepSizeController;
  /** Size of the first attempt; by default Hairer's rule. */
  readonly firstStep?: number;
  /** Largest step size, unbounded by default. */
  readonly maxStep?: number;
  /** Smallest step size; by default what float64 time can resolve. */
  readonly minStep?: number;
}

/** How a problem is solved. */
export interface Method {
  readonly solver: Solver;
  readonly stepping: FixedStepping | AdaptiveStepping;
  /** Attempted steps, rejected ones included, before a solve fails with `max-steps`. */
  readonly maxSteps?: number;
  /**
   * Looked at before each attempted step, and before each step of the backward pass. A solve is synchronous, so a timer or an
   * event cannot abort it; `onStep` can.
   */
  readonly signal?: AbortSignal;
  /** Called after each accepted step, and after each step of the backward pass. */
  readonly onStep?: (progress: Progress) => void;
  /** Where bytes and evaluations are counted; several solves may share one. */
  readonly ledger?: Ledger;
  /** The most bytes that the ledger is to show, for gradient strategies that keep to a budget. */
  readonly maxBytes?: number;
}

/** Where a solve is. */
export interface Progress {
  readonly phase: 'forward' | 'backward';
  readonly t: number;
  readonly h: number;
  /** Steps taken, or steps swept back over. */
  readonly steps: number;
}

/** Gradient of a loss through a solve. */
export interface Gradient<A> {
  readonly y0: State<A>;
  readonly parameters: State<A>;
  /**
   * ∂ℒ/∂ts, zeros unless the problem asks for time gradients. Of repeated times each has its own, as of times that move
   * apart, their order kept: the state there is y + h f, h the time from the one before.
   */
  readonly ts: readonly number[];
}

/** The discrete solution, and the way back. */
export interface Solution<A> {
  /** The state at each output time; `ys[0]` is `y0` itself, the others live until `release()`. */
  readonly ys: readonly State<A>[];
  readonly stats: Statistics;
  /**
   * Pulls cotangents of `ys` (undefined for zero) back to y0, the parameters and the output times. May be
   * called again. The caller owns the arrays that it returns.
   */
  pullback(cotangents: readonly (State<A> | undefined)[]): Gradient<A>;
  release(): void;
}

/** A way of computing the gradient of a solve: what is kept of the forward pass, and what is made again. */
export interface GradientStrategy {
  readonly name: string;
  /** Whether the gradient is that of the discrete solution, to rounding. */
  readonly exact: boolean;
  /** Whether `Method.maxBytes` is heeded; front ends refuse a budget where it would not be. */
  readonly keepsBudget?: boolean;
  solve<A>(problem: Problem<A>, method: Method): Solution<A>;
}

/** Turns scaled errors into step sizes. Holds settings only; the loop holds the history. */
export interface StepSizeController {
  readonly name: string;
  /**
   * `norms[0]` is the scaled error of the attempt (accepted when ≤ 1), `norms[1…2]` those of the accepted
   * steps before it, newest first; `order` is the order of the error estimate plus one.
   */
  next(norms: readonly number[], order: number): StepDecision;
}

/** Whether an attempt is accepted, and by what its size is multiplied for the next. */
export interface StepDecision {
  readonly accept: boolean;
  readonly factor: number;
}

/** What an engine package registers. A front end narrows it to the functions that it understands. */
export interface EngineProvider {
  readonly name: string;
}

/** A plugin is a plain value; importing it registers nothing. */
export interface Plugin {
  readonly name: string;
  readonly tableaux?: readonly ButcherTableau[];
  readonly solvers?: readonly Solver[];
  readonly gradients?: readonly GradientStrategy[];
  readonly controllers?: readonly StepSizeController[];
  readonly engines?: readonly EngineProvider[];
}
