import type { Tensor } from '@tensorflow/tfjs-core';
import { isFixed, type ByPart, type Engine, type Method, type Problem, type State } from '@odegrad/core';
import type { Call } from './arguments.ts';
import type { FieldEngine } from '../eager/field-engine.ts';
import { enterEvents } from './entered-events.ts';
import type { Outputs } from './outputs.ts';
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
  /** What conditions and jumps of events read, by function. */
  readonly eventReads?: ReadonlyMap<object, readonly Tensor[]>;
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
  /** Frees y0 and what events need. */
  release(): void;
}

/** Has the engine prepare f, and takes y0 in, which the caller releases. Leaves nothing if it throws. */
export function enter<A, S, P extends Part>(
  provider: FieldEngine<A>,
  call: Call<S, P>,
  outputs: Outputs,
  { parameters, reads, isMissed, eventReads }: Parameters,
  { within }: Environment,
): Entered<A, P> {
  const { f, key, kind, y0, ts, timesTensor, dtype, method, stops, args, maxEvents } = call;
  const { prepared, port, entered } = kind.withTensors(y0, (tensors) => {
    const request = {
      t0: ts[0]!,
      y0: tensors,
      parameters,
      ...(isMissed && { isMissed }),
      within,
      ...(dtype === 'float64' && { exact: args.exact }),
      dtype,
    };
    const main = provider.prepare({ ...request, f, key, ...(reads && { reads }) });
    return {
      prepared: main,
      port: kind.port(main, provider.name),
      entered: enterEvents(provider, main, call.events, request, (of) => eventReads?.get(of)),
    };
  });
  const { field } = prepared;
  const { engine } = field;
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
    const problem = {
      ...outputs.problem,
      field,
      y0: start,
      timeGradients: timesTensor !== undefined || stops.jumpsTensor !== undefined,
      ...(entered.events.length > 0 && { events: entered.events }),
      ...(maxEvents !== undefined && { maxEvents }),
    };
    return {
      ranOn: prepared.ranOn ?? provider.name,
      problem,
      method: watched,
      port,
      shapes: y0.map(({ shape }) => shape),
      releaseState,
      release() {
        entered.release();
        releaseState(start);
      },
    };
  } catch (error) {
    entered.release();
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
