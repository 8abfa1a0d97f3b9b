import type { FailureCode } from '../types/failure.ts';

/** An argument or option is wrong; the message says which, what it was, and what would be right. */
export class ArgumentError extends Error {
  override readonly name = 'ArgumentError';
}

/** A name is unknown, or already taken. */
export class RegistryError extends Error {
  override readonly name = 'RegistryError';
}

/** A Butcher tableau does not satisfy what it claims. */
export class TableauError extends Error {
  override readonly name = 'TableauError';
}

/** An engine cannot run a function: an operation it does not know, a trace that is not the function. */
export class EngineError extends Error {
  override readonly name = 'EngineError';
}

/** Why a solve could not go on. */
export type SolveErrorCode =
  | 'max-steps'
  | 'step-underflow'
  | 'non-finite'
  | 'no-convergence'
  | 'aborted'
  | 'over-budget'
  | 'max-events'
  | 'no-event';

/** Where a solve was when it failed. */
export interface SolveErrorDetails {
  readonly t: number;
  /** Size of the step that was attempted. */
  readonly h: number;
  /** Accepted steps so far. */
  readonly steps: number;
  /** Scaled error of the last attempt, where there was one. */
  readonly errorNorm?: number;
  /** With `over-budget`: the least budget with which the solve can be differentiated. */
  readonly leastBytes?: number;
}

/** A solve could not go on; `code` says why, the details where. */
export class SolveError extends Error {
  override readonly name = 'SolveError';
  readonly code: SolveErrorCode;
  readonly t: number;
  readonly h: number;
  readonly steps: number;
  readonly errorNorm: number | undefined;
  readonly leastBytes: number | undefined;

  constructor(code: SolveErrorCode, message: string, details: SolveErrorDetails, options?: ErrorOptions) {
    const norm = details.errorNorm === undefined ? '' : `, error norm ${details.errorNorm.toPrecision(3)}`;
    super(`${message} (t = ${details.t}, h = ${details.h}, after ${details.steps} steps${norm})`, options);
    this.code = code;
    this.t = details.t;
    this.h = details.h;
    this.steps = details.steps;
    this.errorNorm = details.errorNorm;
    this.leastBytes = details.leastBytes;
  }
}

/** Whether a solve that failed so may give what it reached. */
export function isFailure(error: unknown): error is SolveError & { readonly code: FailureCode } {
  const codes: readonly SolveErrorCode[] = FAILURES;
  return error instanceof SolveError && codes.includes(error.code);
}

const FAILURES: readonly FailureCode[] = ['max-steps', 'step-underflow', 'non-finite', 'no-convergence'];

/** What an error says it is, whichever copy of this package made it. */
const ERROR: unique symbol = Symbol.for('@odegrad/core error') as never;

// Two copies of this package may be loaded; `instanceof` with the classes of one is to know the errors of the other.
// Names are written as keys, because a minifier renames classes.
const TYPES = { ArgumentError, RegistryError, TableauError, EngineError, SolveError };
for (const [name, type] of Object.entries(TYPES)) {
  Object.defineProperty(type.prototype, ERROR, { value: name });
  Object.defineProperty(type, Symbol.hasInstance, {
    value(this: { readonly prototype: object }, value: unknown): boolean {
      if (typeof value !== 'object' || value === null) return false;
      // A class that extends one of these has its own instances only.
      return this === type
        ? (value as { readonly [ERROR]?: string })[ERROR] === name
        : Object.prototype.isPrototypeOf.call(this.prototype, value);
    },
  });
}
