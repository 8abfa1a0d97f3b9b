import type { State } from './engine.ts';
import type { FieldAtPoints } from './points.ts';
import type { Span } from './span.ts';

/** An accepted step, to be read at any time of it. Arrays live until the call that got them ends. */
export interface ObservedStep<A> {
  readonly span: Span;
  /** The state at t, of the interpolant. */
  at(t: number): State<A>;
  /** What `use` makes of the state at t; one that was not there goes with the call. */
  readAt<T>(t: number, use: (y: State<A>) => T): T;
  /** dy/dt of the interpolant at t. */
  rate(t: number): State<A>;
}

/** Where a solve ended within its last step, or at the end of it. */
export interface Ending<A> {
  readonly t: number;
  readonly y: State<A>;
  /** dy/dt of the interpolant there. */
  readonly rate: State<A>;
  /** The size of the step. */
  readonly h: number;
}

/** When something happens: where g(t, y) changes its sign. */
export interface Condition<A> {
  /** What has g as its inner product with `unit`: of the shape of y, with the parameters of the problem's field. */
  readonly field: FieldAtPoints<A>;
  readonly unit: State<A>;
}

/** Something that happens along a solution. */
export interface Event<A> {
  /** For messages. */
  readonly name: string;
  readonly when: Condition<A>;
  /** From which sign to which g has to go; either by default. */
  readonly direction?: 'rising' | 'falling' | 'either';
  /** What follows: the end, nothing but an entry, or a new state, that of a field whose value is the state after. */
  readonly then: 'stop' | 'record' | FieldAtPoints<A>;
  /** How often it may happen; it is not looked for any more after that. */
  readonly atMost?: number;
  /** Equal parts of each step at whose ends the sign of g is looked at; 4 by default. */
  readonly looks?: number;
}

/** What happened. */
export interface Happening<A> {
  /** The index of the event. */
  readonly event: number;
  readonly t: number;
  /** The states there; the same one where there is no jump. */
  readonly before: State<A>;
  readonly after: State<A>;
}

/** Cotangents of what happened; undefined for zero. */
export interface HappeningCotangents<A> {
  readonly t?: number | undefined;
  readonly before?: State<A> | undefined;
  readonly after?: State<A> | undefined;
}
