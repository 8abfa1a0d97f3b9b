import type { State, Engine } from './engine.ts';
import type { StepKernel } from './kernel.ts';
import type { FieldAtPoints } from './points.ts';
import type { Solver } from './solver.ts';

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
