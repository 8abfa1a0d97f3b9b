import type { Tensor1D, Variable } from '@tensorflow/tfjs-core';
import type {
  ButcherTableau,
  EngineProvider,
  GradientStrategy,
  Ledger,
  Norm,
  Progress,
  Registry,
  Solver,
  StepSizeController,
} from '@odegrad/core';
import type { Tolerances } from './tolerances.ts';

import type { TangentSolver } from './again.ts';
import type { OdeEvents } from './events.ts';
import type { PartitionOf } from './partition.ts';

// Editors complete the names that are known; any other string that a plugin registered is as good.
type Open<Names extends string> = Names | (string & {});

/** A solver by name: those of @odegrad/tableaux, @odegrad/implicit and @odegrad/partitioned, or any that a plugin registered. */
export type SolverName = Open<
  | 'euler'
  | 'midpoint'
  | 'heun2'
  | 'ralston2'
  | 'adaptive_heun'
  | 'fehlberg2'
  | 'heun3'
  | 'bosh3'
  | 'ssprk33'
  | 'rk4'
  | 'rk38'
  | 'fehlberg45'
  | 'cash_karp'
  | 'dopri5'
  | 'tsit5'
  | 'dopri8'
  | 'implicit_midpoint'
  | 'trbdf2'
  | 'kvaerno3'
  | 'gauss4'
  | 'kvaerno5'
  | 'radau5'
  | 'gauss6'
  | 'verlet'
  | 'yoshida4'
  | 'yoshida6'
>;

/** A gradient strategy by name: those of the @odegrad/grad-… packages, or any that a plugin registered. */
export type GradientName = Open<
  | 'symplectic'
  | 'checkpoint'
  | 'stages'
  | 'recompute'
  | 'resolve'
  | 'backprop'
  | 'binomial'
  | 'online'
  | 'auto'
  | 'adjoint'
>;

/** A step size controller by name: those of core, or any that a plugin registered. */
export type ControllerName = Open<'pi' | 'pid' | 'integral'>;

/** An engine by name: this package's own, or any that a plugin registered. */
export type EngineName = Open<'auto' | 'tfjs' | 'onnx' | 'replay' | 'wasm'>;

/** How a problem is solved and differentiated. Names and values are interchangeable. */
export interface OdeOptions<A = undefined> {
  /**
   * What f gets as its third argument: tensors, numbers and arrays of doubles, in lists and records of any depth. They have
   * gradients, and new values compile nothing anew. Anything else in them f gets as it is.
   */
  readonly args?: A | undefined;
  /** Default `'dopri5'`. A tableau of your own is verified. */
  readonly solver?: SolverName | Solver | ButcherTableau | undefined;
  /**
   * For solvers of @odegrad/partitioned, which parts of y0 are positions, `'q'`, and which are momenta, `'p'`, in the structure of y0. A state
   * `{ q, p }` needs none.
   */
  readonly partition?: PartitionOf | undefined;
  /** Default `'symplectic'`, or `'auto'` with `maxBytes`; looked up only where a gradient is asked for. */
  readonly gradient?: GradientName | GradientStrategy | undefined;
  /** Constant steps: so many between neighbouring output times. */
  readonly numSteps?: number | undefined;
  /** Constant steps: none larger than this, in the unit of `ts`. */
  readonly stepSize?: number | undefined;
  /**
   * Adaptive steps: the local error is kept below atol + rtol·|y|. One number, or numbers of the structure of y0: a list for a list of
   * tensors, a record for a record. Default 1e-3.
   */
  readonly rtol?: Tolerances | undefined;
  /** Default 1e-6, in the unit of `y`. By part, Infinity leaves a part out: its error chooses no step. */
  readonly atol?: Tolerances | undefined;
  /**
   * How the errors of all entries, in units of what is tolerated, make the one number that is to be at most 1: their root mean square
   * (`'rms'`, the default), the largest (`'max'`), or what a function makes of the root mean squares of y0's parts, in their order.
   * `(parts) => Math.max(...parts)` holds each part to its tolerance by itself.
   */
  readonly norm?: Norm | undefined;
  /** Default `'pi'`. */
  readonly controller?: ControllerName | StepSizeController | undefined;
  /**
   * How the states at output times between the first and the last come about. `'interpolate'` reads them off the steps, so that they
   * cost no evaluation, to the accuracy of the solver's continuous extension: the default for adaptive steps where that is of the
   * solver's order less one at least, as for all but `'dopri8'`. `'land'` ends a step on each: the default for constant steps,
   * whose `numSteps` count between output times, and for `gradient: 'adjoint'`.
   */
  readonly outputs?: 'interpolate' | 'land' | undefined;
  /**
   * Where states are wanted: `'ts'`, the default; `'end'`, at the last of `ts` alone, which gives `[...shape]`; or `'steps'`, at the
   * start and at the end of every step, which `solve` alone gives, with their times. Steps are the same with all three.
   */
  readonly saveAt?: 'ts' | 'steps' | 'end' | undefined;
  /**
   * Whether the solution of `solve` can be read anywhere later, with `at` and `rate`. It holds two states and the solver's bumps for
   * each step.
   */
  readonly dense?: boolean | undefined;
  /** Further times that steps are to end on, though the state there is not asked for. Those outside `ts` are passed over. */
  readonly stepTo?: readonly number[] | undefined;
  /**
   * Times at which f jumps, in `ts`' unit. Steps end there, and f is evaluated on either side but never at the jump itself, so that no
   * step sees both. Given as a tensor they are differentiated, by exact gradients. Those outside `ts` are passed over.
   */
  readonly jumpAt?: readonly number[] | Tensor1D | undefined;
  /** Size of the first attempt. By default chosen from f. */
  readonly firstStep?: number | undefined;
  /**
   * The smallest step, but for one that ends on an output time; by default what float64 resolves. Where the error asks for a smaller one
   * the solve fails with `step-underflow`.
   */
  readonly minStep?: number | undefined;
  /** With `minStep`: steps of that size are accepted whatever their error. `stats.forced` counts them. */
  readonly force?: boolean | undefined;
  readonly maxStep?: number | undefined;
  /** Attempted steps before a solve fails. Default 100 000. */
  readonly maxSteps?: number | undefined;
  /**
   * The most bytes of states and activations that the solve and its pullback may hold, as the ledger counts
   * them. The exact gradient as fast as that allows: `gradient: 'auto'` keeps to it, others refuse it.
   */
  readonly maxBytes?: number | undefined;
  /**
   * Ends the solve, or its backward pass, with a SolveError `aborted` before the next step. `odeint` and `solve` run in one go: timers,
   * clicks and `AbortSignal.timeout` wait until they are over and cannot abort them. `solveAsync` lets them; elsewhere `onStep` may
   * look at a clock and abort.
   */
  readonly signal?: AbortSignal | undefined;
  /**
   * Called after each accepted step, and after each step of the backward pass, with the time, the step and, computed when it is read,
   * the norm of the state. It may abort `signal`. It runs within the solve: to draw or to wait, take `steps` or `solveAsync`.
   */
  readonly onStep?: ((progress: Progress) => void) | undefined;
  /** Variables to take gradients for. By default the trainable ones that f reads at (t0, y0). */
  readonly params?: readonly Variable[] | undefined;
  /** Default `'tfjs'`. */
  readonly engine?: EngineName | EngineProvider | undefined;
  /** Default `'float32'`, the only one that engine 'tfjs' has; `'float64'` for states in doubles. */
  readonly dtype?: 'float32' | 'float64' | undefined;
  /**
   * With `tangents` of `@odegrad/tangents` a gradient of `odeint` may be differentiated again, to any order but in times, by exact
   * gradients: `tf.grad` of `tf.grad`, gradient penalties.
   */
  readonly tangents?: TangentSolver | undefined;
  /** Where names are looked up. By default the registry that `@odegrad/core` exports. */
  readonly registry?: Registry | undefined;
  /** Where bytes and evaluations are counted; several solves may share one. */
  readonly ledger?: Ledger | undefined;
}

/** What `solve` takes besides: what may happen along the solution. */
export interface SolveOptions<S, A = undefined> extends OdeOptions<A> {
  /**
   * What happens where conditions change their sign, by name: an end, an entry in `events`, or a jump of the state. Exact gradients
   * go through the times of events, to y0, to the variables of f, of conditions and of jumps, and to `args`.
   */
  readonly events?: OdeEvents<S, A> | undefined;
  /** Jumps before a solve fails with `max-events`, as of a ball that comes to rest. Default 1,000. */
  readonly maxEvents?: number | undefined;
  /**
   * What becomes of a solve that fails with `max-steps`, `step-underflow`, `non-finite` or `no-convergence`: by default the SolveError is thrown. With
   * 'return' the solution has what was reached, as its `status`, `error` and `stopped` say, and its gradient. Each state is then looked
   * at, which on a GPU costs a round trip a step.
   */
  readonly onFailure?: 'throw' | 'return' | undefined;
}
