import type { State } from '@odegrad/core';
import type { Tensor } from '@tensorflow/tfjs-core';
import type { PreparedField } from '../eager/field-engine.ts';
import type { Shape } from '../tape/shape.ts';
import type { Float64Tensor } from './state.ts';

/** A part of a state, in either kind. */
export type Part = Tensor | Float64Tensor;

/** What a state's parts are, tensors or doubles, and all in which the two differ. */
export interface PartKind<P extends Part> {
  /**
   * The precision to solve in, where `asked` may be left out.
   * @throws {ArgumentError} where parts of this kind are not solved in the one that is asked for.
   */
  precision(asked: 'float32' | 'float64' | undefined): 'float32' | 'float64';
  /** @throws {ArgumentError} unless a solve can start from `value`. */
  start(value: unknown, name: string): P;
  /** @throws {ArgumentError} unless `value` is the cotangent of a trajectory of that shape. */
  cotangent(value: unknown, name: string, shape: Shape): P;
  /** Lends `use` float32 tensors of the parts' values. Those made for it are freed, also when it throws. */
  withTensors<T>(parts: readonly P[], use: (tensors: readonly Tensor[]) => T): T;
  /** @throws {EngineError} if the engine has no ways in and out for this kind. */
  port<A>(prepared: PreparedField<A>, engine: string): PartPort<A, P>;
  /** Of those entries, a vector by default. */
  array(numbers: readonly number[], shape?: Shape): P;
  /** Takes parts out of the hands of every tidy. */
  keep(parts: readonly P[]): P[];
  dispose(parts: readonly P[]): void;
}

/** The ways of parts into the arrays `A` of an engine, and out of them. All that they return is new. */
export interface PartPort<A, P> {
  enter(part: P): A;
  leave(x: A, shape: Shape): P;
  /** States by time as trajectories by part, `[ys.length, ...shape]`. */
  trajectories(ys: readonly State<A>[], shapes: readonly Shape[]): P[];
  /** Cotangents by part, each over all times, as states by time. */
  cotangents(parts: readonly P[]): State<A>[];
  /**
   * Rows in `chunks`, one below the other, as trajectories by part, `[times, ...shape]`: row n goes to place `places[n]`, counted
   * through the first two dimensions.
   */
  trajectoriesOfRows(chunks: readonly State<A>[], places: readonly number[], shapes: readonly Shape[]): P[];
  /** The opposite, for the cotangents of one chunk. */
  cotangentsOfRows(parts: readonly P[], places: readonly number[]): State<A>;
}
