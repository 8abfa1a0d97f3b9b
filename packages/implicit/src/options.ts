import { checkOptions, countOf, numberThat, type ErrorNorm, type Engine, type Rules } from '@odegrad/core';

/** How the equations of implicit steps are solved. */
export interface ImplicitOptions {
  /**
   * How far off stages may be, as a part of the error that the solve tolerates; 0 for rounding. Default 0.001. With steps of constant size
   * nothing is tolerated, and so it is always rounding. The gradient is as exact as the stages are.
   */
  readonly residual?: number;
  /**
   * Up to how many unknowns of a row (entries of the state times stages that are solved for together) equations are solved with
   * matrices, from as many pullbacks of f as the state has entries; beyond that by GMRES. Default 512.
   */
  readonly dense?: number;
}

const RULES: Rules = {
  residual: numberThat('a number from 0 up to 1', (x) => x >= 0 && x <= 1),
  dense: countOf('the unknowns up to which matrices are formed'),
};

/**
 * What is left open of the equations of a step is multiplied by what is stiff in the first stage of the next one, and so a residual ten
 * times as large saves iterations but takes more steps: on Robertson's reaction a sixth more evaluations in all.
 */
const DEFAULTS: Required<ImplicitOptions> = { residual: 0.001, dense: 512 };

/** @throws {ArgumentError} for options that are unknown or make no sense. */
export function checkImplicitOptions(options: ImplicitOptions): Required<ImplicitOptions> {
  checkOptions('implicitRungeKutta', options, RULES);
  return { ...DEFAULTS, ...options };
}

/** What holds for all steps of one solve. */
export interface Solving {
  readonly solver: string;
  readonly dense: number;
  /** How large a change is, in units of how far off stages may be; undefined where that is rounding. */
  readonly norm: (<A>(engine: Engine<A>) => ErrorNorm<A>) | undefined;
  /** Rows of a batch that f does not mix, once that has been found out. */
  rows: number | undefined;
}
