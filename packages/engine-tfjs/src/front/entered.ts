import type { Tensor } from '@tensorflow/tfjs-core';
import { isFixed, type ByPart, type Engine, type Method, type Problem, type State } from '@odegrad/core';
import type { Call } from './arguments.ts';
import type { FieldEngine } from '../eager/field-engine.ts';
import type { OutputTimes } from './output-times.ts';
import type { Part, PartPort } from './parts.ts';
import type { Environment } from '../tape/environment.ts';
import type { Shape } from '../tape/shape.ts';
import { readsTime, watchTimes } from './time-resolution.ts';

/** What f depends on besides t and y, and what of it gradients are taken for. */
export interface Parameters {
  readonly parameters: readonly Tensor[];
  /** All that f was seen to read; undefined where no gradient is taken. */
  readonly reads?: readonly Tensor[];
  /** Whether a gradient would be lost if f read this besides. */
  readonly isMissed?: (x: Tensor) => boolean;
}

/** The problem of a call in the arrays of its engine, with the ways in and out of them. */
export interface Entered<A, P> {
  /** The name of the engine that runs it. */
  readonly ranOn: string;
  readonly problem: Problem<A>;
  readonly method: Method;
  readonly port: PartPort<A, P>;
  /** Of the parts of a state. */
  readonly shapes: readonly Shape[];
  /** Frees arrays that were made for it. */
  releaseState(state: State<A>): void;
}

/** Has the engine prepare f, and takes y0 in, which the caller releases. Leaves nothing if it throws. */
export function enter<A, S, P extends Part>(
  provider: FieldEngine<A>,
  { f, key, kind, y0, ts, timesTensor, dtype, method, stops, args }: Call<S, P>,
  times: OutputTimes,
  { parameters, reads, isMissed }: Parameters,
  { within }: Environment,
): Entered<A, P> {
  const prepared = kind.withTensors(y0, (tensors) =>
    provider.prepare({
      f,
      key,
      t0: ts[0]!,
      y0: tensors,
      parameters,
      ...(reads && { reads }),
      ...(isMissed && { isMissed }),
      within,
      ...(dtype === 'float64' && { exact: args.exact }),
      dtype,
    }),
  );
  const { field } = prepared;
  const { engine } = field;
  const port = kind.port(prepared, provider.name);
  if (!isFixed(method.stepping)) warnOfNoise(engine, method.stepping.rtol);
  const releaseState = (state: State<A>): void => {
    state.forEach((x) => {
      engine.release(x);
    });
  };
  const start: A[] = [];
  try {
    for (const part of y0) start.push(port.enter(part));
    const watched = watchTimes({
      ts,
      method,
      engine: { name: provider.name, roundoff: engine.roundoff },
      // Asked between two steps, where the user may have disposed of y0.
      readsTime: () => within(() => kind.withTensors(y0, (tensors) => readsTime(f, ts[0]!, tensors))),
    });
    const { knots, between } = times;
    const problem = {
      field,
      y0: start,
      ts: times.ts,
      ...(knots.size > 0 ? { knots } : {}),
      timeGradients: timesTensor !== undefined || stops.jumpsTensor !== undefined,
      ...(between.length > 0 ? { between } : {}),
    };
    return {
      ranOn: prepared.ranOn ?? provider.name,
      problem,
      method: watched,
      port,
      shapes: y0.map(({ shape }) => shape),
      releaseState,
    };
  } catch (error) {
    releaseState(start);
    throw error;
  }
}

const warned = new Set<string>();

/** Says once for each engine that tolerances under its rounding errors make a controller chase noise. */
function warnOfNoise({ name, roundoff }: Engine<unknown>, byPart: ByPart): void {
  const least = 16 * roundoff;
  const rtol = [byPart].flat().find((x) => x > 0 && x < least);
  if (rtol === undefined || warned.has(name)) return;
  warned.add(name);
  console.warn(
    `odegrad: rtol = ${rtol} is below what engine '${name}' resolves (unit roundoff ${roundoff.toExponential(1)}): steps ` +
      `are rejected for rounding errors. Take rtol ≥ ${least.toExponential(0)}, or constant steps.`,
  );
}
