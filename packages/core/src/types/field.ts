import type { State, Engine } from './engine.ts';
import type { StepKernel } from './kernel.ts';
import type { Cotangents, Linearization } from './linearization.ts';
import type { Solver } from './solver.ts';

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
  /** Whole steps of a solver, several in a call, where the engine has such a thing. Asked for often. */
  readonly compile?: (solver: Solver) => StepKernel<A> | undefined;
}

/** The cotangents pulled back at a point, and the value of f there; without time gradients it may be left out. */
export interface VectorJacobianProduct<A> extends Cotangents<A> {
  readonly value?: State<A>;
  readonly bytes: number;
}
