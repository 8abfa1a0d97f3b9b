import type { State } from './engine.ts';

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
  /** May be called again. `t` is computed where `withTime` is true. */
  pullback(cotangent: State<A>, withTime: boolean): Cotangents<A>;
  /** Frees the activations, not `value`. */
  release(): void;
}
