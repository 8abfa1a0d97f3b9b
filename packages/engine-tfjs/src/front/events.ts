import { add, reshape, zerosLike, type Scalar, type Tensor } from '@tensorflow/tfjs-core';
import {
  ArgumentError,
  callable,
  checkOptions,
  hasMembers,
  METHOD_RULES,
  valueThat,
  type Event,
  type Rule,
} from '@odegrad/core';
import { describe } from './describe.ts';
import type { FlatField } from '../eager/field-engine.ts';
import { flatField, named } from './flat-field.ts';
import type { Part } from './parts.ts';
import type { ArgsOf, StateOf, VectorFieldFunction } from './state.ts';
import type { Structure } from './structure.ts';
import { tensorAt } from './tensor-parts.ts';
import { inBrackets } from '../tape/shape.ts';

/** Something that happens where a condition g(t, y, args) changes its sign. */
export interface OdeEvent<S, A = undefined> {
  /** g: a scalar. Variables that it reads get gradients, through the time of the event. */
  readonly when: (t: Scalar, y: StateOf<S>, args: ArgsOf<A>) => Tensor;
  /**
   * What follows: `'stop'`, the default, ends the solve there; `'record'` puts it down alone; a function gives the state to go on with.
   * It may not tell from more than t, y and args.
   */
  readonly then?: 'stop' | 'record' | VectorFieldFunction<S, A> | undefined;
  /** The sign that g goes to: `'rising'`, from minus to plus, or `'falling'`. Default `'either'`. */
  readonly direction?: 'rising' | 'falling' | 'either' | undefined;
  /** How often it may happen; it is not looked for after that. Default: without end. */
  readonly atMost?: number | undefined;
  /**
   * Equal parts of each step at whose ends the sign of g is looked at. Two changes of sign between two looks are not seen. Default 4.
   */
  readonly looks?: number | undefined;
}

/** Events by name. */
export type OdeEvents<S, A = undefined> = Readonly<Record<string, OdeEvent<S, A>>>;

/** A function of (t, y) for engines: flat, and the user's own, which caches are keyed by. */
export interface FlatFunction {
  readonly f: FlatField;
  readonly key: object;
}

/** An event on the list of the state's parts. */
export interface FlatEvent extends Pick<Event<never>, 'name' | 'direction' | 'atMost' | 'looks'> {
  /** Gives g in every entry of the first part, and zeros in the others. */
  readonly when: FlatFunction;
  readonly then: 'stop' | 'record' | FlatFunction;
}

const isOneOf =
  (...names: readonly string[]) =>
  (value: unknown): boolean =>
    names.includes(value as string);
export const EVENT_RULES: Readonly<Record<keyof OdeEvent<unknown>, Rule>> = {
  when: callable,
  then: valueThat(
    "'stop', 'record' or a function (t, y, args) => the state after",
    (value) => typeof value === 'function' || isOneOf('stop', 'record')(value),
  ),
  direction: valueThat("'rising', 'falling' or 'either'", isOneOf('rising', 'falling', 'either')),
  atMost: METHOD_RULES.maxSteps,
  looks: METHOD_RULES.numSteps,
};

/** A record of events. */
export const eventsRule: Rule = valueThat(
  'a record of events by name, such as { floor: { when: (t, y) => y.height } }',
  (value) => hasMembers(value, {}) && !Array.isArray(value),
);

/**
 * Takes events apart.
 *
 * @throws {ArgumentError} for one that makes no sense.
 */
export function eventsOf<S>(
  events: OdeEvents<S, never> | undefined,
  structure: Structure<S>,
  y0: readonly Part[],
  args: unknown,
): readonly FlatEvent[] {
  return Object.entries(events ?? {}).map(([name, event]): FlatEvent => {
    const of = `events.${name}`;
    checkOptions(of, event, EVENT_RULES);
    const { when, then = 'stop', direction, atMost, looks } = event;
    if ((when as unknown) === undefined)
      throw new ArgumentError(
        `\`${of}\` needs \`when\`, the function (t, y) whose sign says when it happens.`,
      );
    return {
      name,
      when: { key: when, f: conditionOf(`${of}.when`, when as never, structure, args) },
      then:
        typeof then === 'string'
          ? then
          : { key: then, f: flatField(then, structure, y0, args, `${of}.then(t, y)`) },
      ...(direction !== undefined && { direction }),
      ...(atMost !== undefined && { atMost }),
      ...(looks !== undefined && { looks }),
    };
  });
}

function conditionOf<S>(
  name: string,
  when: (t: Scalar, y: unknown, args: unknown) => unknown,
  structure: Structure<S>,
  args: unknown,
): FlatField {
  return (t, y) => {
    const g = tensorAt(
      named(() => when(t, structure.unflatten(y), args)),
      `${name}(t, y)`,
    );
    if (g.size !== 1 || g.dtype !== 'float32')
      throw new ArgumentError(
        `${name}(t, y) must be a float32 scalar, not ${describe(g)} of shape ${inBrackets(g.shape)} and dtype ${g.dtype}. Give each ` +
          'condition an event of its own, or take tf.min or tf.max of them.',
      );
    return y.map((part, i) => (i === 0 ? add(zerosLike(part), reshape(g, [])) : zerosLike(part)));
  };
}
