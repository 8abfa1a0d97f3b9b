import { valueThat, type Rule } from '@odegrad/core';
import type { OdeOptions } from './options.ts';
import { RULES, type Accepted } from './resolve-options.ts';

/** What of the options of a solve fits a stream of its steps. */
type Shared =
  | 'args'
  | 'solver'
  | 'numSteps'
  | 'stepSize'
  | 'rtol'
  | 'atol'
  | 'norm'
  | 'controller'
  | 'stepTo'
  | 'jumpAt'
  | 'firstStep'
  | 'minStep'
  | 'force'
  | 'maxStep'
  | 'maxSteps'
  | 'signal'
  | 'onStep'
  | 'engine'
  | 'dtype'
  | 'registry'
  | 'ledger';

/** How steps are taken, and how far. `maxSteps` bounds them only where it is given. */
export interface StepsOptions<A = undefined> extends Pick<OdeOptions<A>, Shared> {
  /**
   * Where the last step ends, in the unit of `t0`; before `t0`, steps run backward. By default Infinity: they have no end, as with
   * −Infinity, backward.
   */
  readonly until?: number | undefined;
}

const rules: Readonly<Record<keyof StepsOptions, Rule>> = {
  until: valueThat(
    'a number, Infinity for steps without an end',
    (value) => typeof value === 'number' && !Number.isNaN(value),
  ),
  args: RULES.args,
  solver: RULES.solver,
  numSteps: RULES.numSteps,
  stepSize: RULES.stepSize,
  rtol: RULES.rtol,
  atol: RULES.atol,
  norm: RULES.norm,
  controller: RULES.controller,
  stepTo: RULES.stepTo,
  jumpAt: RULES.jumpAt,
  firstStep: RULES.firstStep,
  minStep: RULES.minStep,
  force: RULES.force,
  maxStep: RULES.maxStep,
  maxSteps: RULES.maxSteps,
  signal: RULES.signal,
  onStep: RULES.onStep,
  engine: RULES.engine,
  dtype: RULES.dtype,
  registry: RULES.registry,
  ledger: RULES.ledger,
};

/** What `steps` takes. */
export const STEPS: Accepted = { of: 'steps', rules };
