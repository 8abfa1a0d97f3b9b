import {
  ArgumentError,
  checkOptions,
  flag,
  numberThat,
  ofKind,
  STEPPING_RULES,
  type FixedStepping,
  type Rule,
  type Solver,
} from '@odegrad/core';

/** How the backward equation is solved; what is not given is as in the forward solve. */
export interface AdjointOptions {
  readonly solver?: Solver;
  readonly rtol?: number;
  readonly atol?: number;
  /** Fixed steps for the backward solve. */
  readonly stepping?: FixedStepping;
  /** Whether the parameters' part is left out of the error norm; true by default. */
  readonly seminorm?: boolean;
}

const tolerance = numberThat('≥ 0', (x) => x >= 0 && x < Infinity);

const RULES: Readonly<Record<keyof AdjointOptions, Rule>> = {
  solver: ofKind(['solver']),
  rtol: tolerance,
  atol: tolerance,
  // Looked into below.
  stepping: () => undefined,
  seminorm: flag,
};

/** @throws {ArgumentError} that says which option is wrong, unknown, or at odds with another. */
export function checkAdjointOptions(options: AdjointOptions): void {
  checkOptions('continuousAdjoint', options, RULES);
  const { stepping, rtol, atol } = options;
  if (rtol === 0 && atol === 0) {
    throw new ArgumentError('`rtol` and `atol` are both 0; no step could be accepted.');
  }
  if (stepping === undefined) return;
  checkOptions("continuousAdjoint's `stepping`", stepping, STEPPING_RULES);
  if (Object.keys(stepping).length !== 1) {
    throw new ArgumentError('`stepping` must have one of `numSteps` and `stepSize`.');
  }
  if (rtol !== undefined || atol !== undefined) {
    throw new ArgumentError(
      `\`${rtol === undefined ? 'atol' : 'rtol'}\` is for adaptive steps, but \`stepping\` fixes them. Leave out one of the two.`,
    );
  }
}
