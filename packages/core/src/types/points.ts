import type { State } from './engine.ts';
import type { Cotangents, Linearization } from './linearization.ts';

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

/** The cotangents pulled back at a point, and the value of f there; without time gradients it may be left out. */
export interface VectorJacobianProduct<A> extends Cotangents<A> {
  readonly value?: State<A>;
  readonly bytes: number;
}
