import {
  explained,
  isolated,
  smoothGradients,
  type FieldRequest,
  type FlatField,
} from '@odegrad/engine-tfjs';
import {
  clone,
  customGrad,
  engine,
  scalar,
  tidy,
  type Scalar,
  type Tensor,
  Variable,
} from '@tensorflow/tfjs-core';

import type { Program } from '../ir/program.ts';
import { verified } from '../ir/verify.ts';
import { simplify } from '../passes/simplify.ts';
import { notingNumbers } from './numbers.ts';
import type { Recorder } from './recording.ts';
import { hasElements, unrecordable } from './refusals.ts';
import { record } from './tracer.ts';

/** What is traced, for which shapes. */
export interface TraceRequest {
  readonly f: FlatField;
  /** Shapes of the parts of y. */
  readonly shapes: readonly (readonly number[])[];
  /** Variables and captured tensors to take gradients for. */
  readonly parameters: readonly Tensor[];
  /** What the recording is to be run in: for doubles f's numbers are kept as it writes them. float32 unless said. */
  readonly dtype?: FieldRequest['dtype'];
}

/** A recorded function. */
export interface Trace {
  readonly program: Program;
  /** What f reads besides the parameters, variables and captured tensors, as the ports `v0`, `v1`, … in this order. */
  readonly others: readonly Tensor[];
  /** All that f reads, in the order of its first use. */
  readonly read: readonly Tensor[];
}

/**
 * Records f. Ports in: `t`, `y0…` (the parts of y), `p0…` (parameters), `v0…` (what else f reads from outside: variables and
 * captured tensors, so that others in their place need no other program).
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
    const { grads } = explained(() => engine().gradients(forward, [t, ...y, ...parameters], scalar(1), true));
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
        const variables = Object.values(engine().state.registeredVariables).filter(
          (variable) => !request.parameters.includes(variable) && hasElements(variable),
        );
        request.parameters.forEach((x, i) => {
          if (x.isDisposed) throw unrecordable(`parameter ${i}${named(x)} is disposed`);
        });
        const swapped: { readonly tensor: Tensor; readonly name: string }[] = [
          ...request.parameters.map((tensor, i) => ({ tensor, name: `p${i}` })),
          ...variables.map((tensor, i) => ({ tensor, name: `u${i}` })),
        ];
        const outputs = withoutValues(recorder, swapped, () =>
          noting(() => smoothGradients(() => body(recorder, { ...request, t, y }))),
        );
        const program = verified(recorder.program(outputs), 'recording');
        const tensors = new Map([
          ...swapped.map(({ tensor, name }) => [name, tensor] as const),
          ...recorder.captured.map(({ tensor }, i) => [`k${i}`, tensor] as const),
        ]);
        const ports = new Map(program.inputs.map(({ name, value }) => [value, name]));
        // f may return what it reads as it is.
        const used = new Set([...recorder.used, ...outputs.map(({ value }) => value)]);
        const read = [...used].flatMap((value) => tensors.get(ports.get(value) ?? '') ?? []);
        return { ...finish(program, tensors), read } as never;
      }),
    ),
  );
}

const named = (x: Tensor): string => (x instanceof Variable ? ` (${x.name})` : '');

/**
 * While `body` runs, the tensors hold recorded inputs. Variables made from one tensor share their data, and
 * data is what values are known by.
 */
function withoutValues<T>(
  recorder: Recorder,
  tensors: readonly { tensor: Tensor; name: string }[],
  body: () => T,
): T {
  const swapped = tensors.map(({ tensor, name }) => {
    const input = recorder.input(name, tensor.shape, tensor.dtype);
    const own = tensor.dataId;
    tensor.dataId = input.dataId;
    return { tensor, own, input };
  });
  try {
    const result = body();
    for (const { tensor, input } of swapped) {
      if (tensor.dataId !== input.dataId) throw unrecordable(`it assigns a variable${named(tensor)}`);
    }
    return result;
  } finally {
    for (const { tensor, own } of swapped) tensor.dataId = own;
  }
}

function checked(part: Tensor, i: number, y: readonly Tensor[]): Tensor {
  if (part.dtype !== 'float32') throw unrecordable(`part ${i} of its value is ${part.dtype}`);
  const wanted = y[i]?.shape.join(',');
  if (part.shape.join(',') !== wanted)
    throw unrecordable(`part ${i} of its value has shape [${part.shape.join(',')}], that of y [${wanted}]`);
  return part;
}

/** The recording of f without parameters, as it were with some of what it reads for parameters. */
export function withParameters({ program, others, read }: Trace, parameters: readonly Tensor[]): Trace {
  const rest = others.filter((x) => !parameters.includes(x));
  const names = new Map(
    others.map((x, i) => {
      const parameter = parameters.indexOf(x);
      return [`v${i}`, parameter >= 0 ? `p${parameter}` : `v${rest.indexOf(x)}`];
    }),
  );
  return { program: withNames(program, names), others: rest, read };
}

/** Leaves only what is used of what is read from outside, numbered in the order of its first use. */
function finish(program: Program, tensors: ReadonlyMap<string, Tensor>): Omit<Trace, 'read'> {
  const simple = verified(simplify(program), 'simplify');
  const ports = new Map(simple.inputs.map(({ name, value }) => [value, name]));
  const operands = simple.instructions.flatMap(({ inputs }) => inputs);
  const used = new Set([...operands, ...simple.outputs].map(({ value }) => ports.get(value) ?? ''));
  const others = [...used].filter((name) => /^[uk]\d/.test(name));
  return {
    program: {
      ...withNames(simple, new Map(others.map((name, i) => [name, `v${i}`]))),
      // Gradients that TensorFlow.js fills with zeros are absent like those that it does not make.
      outputs: simple.outputs.filter(
        ({ name, value }) => name.startsWith('f') || !simple.constants.get(value)?.every((x) => x === 0),
      ),
    },
    others: others.map((name) => tensors.get(name)!),
  };
}

/** The program with other names for some inputs, which stand in one order whatever they were called before. */
export function withNames(program: Program, names: ReadonlyMap<string, string>): Program {
  const kinds = 'tycpv';
  const number = (name: string): number => Number(name.slice(1));
  const inputs = program.inputs
    .map(({ name, value }) => ({ name: names.get(name) ?? name, value }))
    .sort((a, b) => kinds.indexOf(a.name[0]!) - kinds.indexOf(b.name[0]!) || number(a.name) - number(b.name));
  return { ...program, inputs };
}
