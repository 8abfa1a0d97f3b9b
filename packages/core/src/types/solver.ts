import type { State, Engine, Term } from './engine.ts';
import type { Interpolant } from './interpolant.ts';
import type { Linearization } from './linearization.ts';
import type { FieldAtPoints } from './points.ts';
import type { SolveSettings } from './stepping.ts';
import type { Span } from './span.ts';
import type { ButcherTableau } from './tableau.ts';

/** One evaluation of f within a step: where, the slope, and the activations where they were asked for. */
export interface Stage<A> {
  readonly t: number;
  readonly y: State<A>;
  /** k = f(t, y); absent where a stage state was made again and its slope is not needed. */
  readonly slope?: State<A>;
  readonly linearization?: Linearization<A>;
}

/** How a solver has f evaluated: it names a point of the step and gets the slope there. */
export interface StageEvaluator<A> {
  readonly engine: Engine<A>;
  /**
   * The stage at y and at `node` of the span, 0 its start and 1 its end (a tableau's c). Of the slope of an `inner` one, only
   * points for f are made (`VectorField.read`).
   */
  at(span: Span, node: number, y: State<A>, inner?: boolean): Stage<A>;
  /** For methods that solve equations for their stages; absent where steps are only written down (`Solver.traceable`). */
  readonly trials?: Trials<A>;
}

/** What solving for stages takes besides them. */
export interface Trials<A> {
  /** The slope at a point that is only tried on the way to a stage. */
  evaluate(span: Span, node: number, y: State<A>): State<A>;
  /** The stage at y, of which another way than f has given the slope; with activations where they are kept. */
  found(span: Span, node: number, y: State<A>, slope: State<A>): Stage<A>;
  /** Has `use` pull cotangents of the slope at a point back to y, with activations that nobody keeps. */
  differentiate<T>(span: Span, node: number, y: State<A>, use: (pull: Pull<A>) => T): T;
  /** Books bytes that a solver held for a moment besides the engine's arrays. */
  transient(bytes: number): void;
}

/** Pulls a cotangent of a slope back to y alone. */
export type Pull<A> = (cotangent: State<A>) => State<A>;

/** What one attempted step gives. */
export interface Step<A> {
  readonly y: State<A>;
  /** Whether the equations of the stages have no solution that was found; the step does not count then, nor what else is here. */
  readonly failed?: boolean;
  /** The stages on which y depends, in order. */
  readonly stages: readonly Stage<A>[];
  /** Estimate of the local error, unscaled, where it was asked for. */
  readonly error?: State<A>;
  /** f at the end of the step, where the method evaluates it anyway (FSAL). */
  readonly last?: Stage<A>;
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
  /** For Runge–Kutta methods, the tableau. */
  readonly tableau?: ButcherTableau;
  /**
   * Whether a step and its pullback are nothing but evaluations of f and combinations scaled by the step size, in the same order for
   * every span: an engine may write them down once and compile them.
   */
  readonly traceable?: boolean;
  /** Whether steps solve equations, for as many evaluations as that takes: what they cost and hold is not known before. */
  readonly iterates?: boolean;
  /** How the solution goes on within a step; absent from methods that are not to be read there. */
  readonly interpolant?: Interpolant;
  /** The same for one solve: it may ask how large the solve takes a change to be, and remember what is no array. */
  forSolve?(settings: SolveSettings): Solver;
  /** @throws {ArgumentError} for a field that the method is not for, looked at where the solve begins. */
  checkField?<A>(engine: Engine<A>, field: FieldAtPoints<A>, t: number, y: State<A>): void;
  /** One step over `span` from `y`. `first` is the stage at (t0, y) where it is already known. */
  step<A>(evaluator: StageEvaluator<A>, span: Span, y: State<A>, request: StepRequest<A>): Step<A>;
  /**
   * The solution stages of the step alone, without y₁; `slopes: 'all'` evaluates every one (with whatever
   * the evaluator keeps), `'needed'` only those that a later stage state depends on. `read` is that of `StepRequest`.
   * Absent, with `adjointStep`, from methods whose steps cannot be differentiated.
   */
  restage?<A>(
    evaluator: StageEvaluator<A>,
    span: Span,
    y: State<A>,
    slopes: 'all' | 'needed',
    read?: boolean,
  ): readonly Stage<A>[];
  /**
   * Pulls the cotangent of y₁ back through the step, asking for the pullback of each solution stage once, last stage
   * first.
   */
  adjointStep?<A>(request: AdjointRequest<A>): StepCotangents<A>;
}

/** What a step's pullback works on. */
export interface AdjointRequest<A> {
  readonly engine: Engine<A>;
  readonly span: Span;
  /** ∂ℒ/∂y₁. */
  readonly cotangent: State<A>;
  readonly pullback: StagePullback<A>;
  /** For methods that solve equations for their stages. */
  readonly trials?: AdjointTrials<A>;
  /** Whether ∂ℒ/∂t₀ and ∂ℒ/∂t₁ are wanted; they are 0 otherwise. */
  readonly withTime: boolean;
  /** What of the slopes is read besides y₁. */
  readonly read?: ReadSlopes<A> | undefined;
}

/** What solving for the cotangents of stages takes besides their pullbacks. */
export interface AdjointTrials<A> {
  /** The cotangent of y that `pullback` would give, and nothing else: as often as it is asked for, before that. */
  transpose(index: number, cotangent: State<A>): State<A>;
  /** Books bytes that a solver held for a moment besides the engine's arrays. */
  transient(bytes: number): void;
}

/** Cotangents of a step's slopes that do not come by way of y₁. */
export interface ReadSlopes<A> {
  /** Summands of that of the slope of a solution stage, in units of h. */
  terms(index: number): readonly Term<State<A>>[];
  /** Of the slope at the start, whatever h is: it is the slope at the end of the step before, too. */
  readonly first?: State<A> | undefined;
}

/** What a step is to give besides y₁. */
export interface StepRequest<A> {
  readonly first?: Stage<A> | undefined;
  /** Whether the error estimate is wanted, and with it `last`. */
  readonly error: boolean;
  /** Whether states within the step are read off its slopes: none is `inner` then that they are read off. */
  readonly read?: boolean | undefined;
}
