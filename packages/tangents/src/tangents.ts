import type { Tensor } from '@tensorflow/tfjs-core';
import {
  odeint,
  structureOf,
  type Model,
  type OdeOptions,
  type OdeState,
  type TangentSolver,
  type Times,
  type VectorFieldFunction,
} from '@odegrad/engine-tfjs';
import { stateAlone } from './augmented.ts';
import { fieldAlong, type TangentArgs } from './tangent-field.ts';

/**
 * The option `tangents` of `odeint`: with it a gradient of `odeint` is differentiated as often as is asked for, as its derivative in a
 * direction is a solve of the tangent field.
 */
export const tangents: TangentSolver = (f, y0, ts, options, along) => {
  const structure = structureOf(y0);
  const parts = structure.flatten(y0, 'y0', (part) => part as Tensor);
  const field = fieldAlong(f as VectorFieldFunction<OdeState, never> | Model, structure, along.parameters);
  const given = options as OdeOptions<unknown>;
  const moved = odeint<Tensor[], TangentArgs>(field, [...parts, ...along.y0], ts as Times, {
    ...given,
    ...stateAlone(given, structure),
    tangents,
    args: { args: given.args, along: along.directions },
  });
  return moved.slice(parts.length);
};
