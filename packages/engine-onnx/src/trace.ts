import { isolated, smoothGradients, type FieldRequest, type FlatField } from '@odegrad/engine-tfjs';
import {
  clone,
  customGrad,
  engine,
  scalar,
  tidy,
  type Scalar,
  type Tensor,
  type Variable,
} from '@tensorflow/tfjs-core';

import { notingNumbers } from './numbers.ts';
import type { Port, Program } from './program.ts';
import { record, unrecordable, type Recorder } from './record.ts';
import { simplify } from './simplify.ts';

/** What is traced, for which shapes. */
export interface TraceRequest {
  readonly f: FlatField;
  /** Shapes of the parts of y. */
  readonly shapes: readonly (readonly number[])[];
  /** Variables to take gradients for. */
  readonly parameters: readonly Variable[];
  /** What the recording is to be run in: for doubles f's numbers are kept as it writes them. float32 unless said. */
  readonly dtype?: FieldRequest['dtype'];
}

/** A recorded function. */
export interface Trace {
  readonly program: Program;
  /** Variables besides the parameters that f reads, in the order of the ports `v0`, `v1`, … */
  readonly others: readonly Variable[];
  /** All variables that f reads, in the order of their first use. */
  readonly read: readonly Variable[];
}

/**
 * Records f. Ports in: `t`, `y0…` (the parts of y), `p0…` (parameters), `v0…` (other variables that f reads).
 * Ports out: `f0…`, the parts of the slope.
 * @throws {EngineError} if f reads values, draws random numbers or assigns variables.
 */
export function traceField(request: TraceRequest): Trace {
  return trace(request, (recorder, { f, t, y }) => {
    const slope = f(t, y);
    return slope.map((part, i) => ({ name: `f${i}`, value: recorder.valueOf(checked(part, i, y)) }));
  });
}

/**
 * Records f and the pullback of a cotangent. Besides the ports of `traceField` there are, in, `c0…` (the
 * parts of the cotangent) and, out, `gt`, `gy0…` and `gp0…`; an output that is absent is zero.
 */
export function traceGradient(request: TraceRequest): Trace {
  return trace(request, (recorder, { f, t, y, parameters }) => {
    const cotangents = request.shapes.map((shape, i) => recorder.input(`c${i}`, shape, 'float32'));
    const slopes: number[] = [];
    // A function of all parts whose gradient with respect to each is that part's cotangent.
    const seeded = customGrad((..._parts) => ({
      value: scalar(0),
      gradFunc: () => cotangents.map((c) => clone(c)),
    }));
    const forward = (): Tensor => {
      const slope = f(t, y);
      slope.forEach((part, i) => slopes.push(recorder.valueOf(checked(part, i, y))));
      return seeded(...slope);
    };
    const names = ['gt', ...y.map((_, i) => `gy${i}`), ...parameters.map((_, i) => `gp${i}`)];
    const { grads } = engine().gradients(forward, [t, ...y, ...parameters], scalar(1), true);
    return [
      ...slopes.map((value, i) => ({ name: `f${i}`, value })),
      ...(grads as (Tensor | undefined)[]).flatMap((gradient, i) =>
        gradient ? [{ name: names[i]!, value: recorder.valueOf(gradient) }] : [],
      ),
    ];
  });
}

interface Scene extends TraceRequest {
  readonly t: Scalar;
  readonly y: readonly Tensor[];
}

function trace(request: TraceRequest, body: (recorder: Recorder, scene: Scene) => Program['outputs']): Trace {
  const noting = request.dtype === 'float64' ? notingNumbers : <T>(run: () => T): T => run();
  return isolated(() =>
    // A trace holds no tensors, which is what TensorFlow.js's types want to be told.
    tidy<never>(() =>
      record((recorder): never => {
        const t = recorder.input('t', [], 'float32') as Scalar;
        const y = request.shapes.map((shape, i) => recorder.input(`y${i}`, shape, 'float32'));
        const all = Object.values(engine().state.registeredVariables);
        const others = all.filter((variable) => !request.parameters.includes(variable));
        request.parameters.forEach((variable, i) => {
          if (variable.isDisposed) throw unrecordable(`parameter ${i} (${variable.name}) is disposed`);
        });
        const named = [
          ...request.parameters.map((variable, i) => ({ variable, name: `p${i}` })),
          ...others.map((variable, i) => ({ variable, name: `v${i}` })),
        ];
        const outputs = withoutValues(recorder, named, () =>
          noting(() => smoothGradients(() => body(recorder, { ...request, t, y }))),
        );
        const program = recorder.program(outputs);
        const ports = new Map(program.inputs.map(({ name, value }) => [value, name]));
        const variables = new Map(named.map(({ variable, name }) => [name, variable]));
        // f may return a variable as it is.
        const used = new Set([...recorder.used, ...outputs.map(({ value }) => value)]);
        const read = [...used].flatMap((value) => variables.get(ports.get(value) ?? '') ?? []);
        return { ...finish(program, others), read } as never;
      }),
    ),
  );
}

/**
 * While `body` runs, the variables hold recorded inputs. Variables made from one tensor share their data, and
 * data is what values are known by.
 */
function withoutValues<T>(
  recorder: Recorder,
  named: readonly { variable: Variable; name: string }[],
  body: () => T,
): T {
  const swapped = named.map(({ variable, name }) => {
    const input = recorder.input(name, variable.shape, variable.dtype);
    const own = variable.dataId;
    variable.dataId = input.dataId;
    return { variable, own, input };
  });
  try {
    const result = body();
    for (const { variable, input } of swapped) {
      if (variable.dataId !== input.dataId) throw unrecordable(`it assigns variable ${variable.name}`);
    }
    return result;
  } finally {
    for (const { variable, own } of swapped) variable.dataId = own;
  }
}

function checked(part: Tensor, i: number, y: readonly Tensor[]): Tensor {
  if (part.dtype !== 'float32') throw unrecordable(`part ${i} of its value is ${part.dtype}`);
  const wanted = y[i]?.shape.join(',');
  if (part.shape.join(',') !== wanted)
    throw unrecordable(`part ${i} of its value has shape [${part.shape.join(',')}], that of y [${wanted}]`);
  return part;
}

/** The recording of f without parameters, as it were with some of the variables for parameters. */
export function withParameters({ program, others, read }: Trace, parameters: readonly Variable[]): Trace {
  const rest = others.filter((variable) => !parameters.includes(variable));
  const values = new Map(program.inputs.map(({ name, value }) => [name, value]));
  const ports = (variables: readonly Variable[], prefix: string): Port[] =>
    variables.flatMap((variable, i) => {
      const value = values.get(`v${others.indexOf(variable)}`);
      // What f reads for nothing has no port.
      return value === undefined ? [] : [{ name: `${prefix}${i}`, value }];
    });
  const inputs = [
    ...program.inputs.filter(({ name }) => !/^v\d/.test(name)),
    ...ports(parameters, 'p'),
    ...ports(rest, 'v'),
  ];
  return { program: { ...program, inputs }, others: rest, read };
}

/** Leaves only the variables that are used, numbered anew. */
function finish(program: Program, variables: readonly Variable[]): Omit<Trace, 'read'> {
  const simple = simplify(program);
  const used = variables.flatMap((variable, i) =>
    simple.inputs.some((port) => port.name === `v${i}`) ? [{ variable, old: `v${i}` }] : [],
  );
  const renamed = new Map(used.map(({ old }, i) => [old, `v${i}`]));
  return {
    program: {
      ...simple,
      inputs: simple.inputs.map(({ name, value }) => ({ name: renamed.get(name) ?? name, value })),
      // Gradients that TensorFlow.js fills with zeros are absent like those that it does not make.
      outputs: simple.outputs.filter(
        ({ name, value }) => name.startsWith('f') || !simple.constants.get(value)?.every((x) => x === 0),
      ),
    },
    others: used.map(({ variable }) => variable),
  };
}
