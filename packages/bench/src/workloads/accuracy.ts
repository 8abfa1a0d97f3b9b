import { solve } from '@odegrad/engine-tfjs';
import { registry } from '../registry.ts';
import type { CalledGradient } from './call.ts';
import type { WorkloadField } from './fields.ts';
import { outputTimes } from './open.ts';
import type { RunSpec } from './spec.ts';

/**
 * What a run gave: the states at all output times, `[times, ...shape]` part by part, and its gradient for y0 and the
 * parameters, row-major in the order and the shapes of workloads.json.
 */
export interface Results {
  readonly outputs: ArrayLike<number>;
  readonly gradient: ArrayLike<number>;
}

/** How far results are from those of the equation: 2-norms of the differences, relative to those of the equation's. */
export interface Accuracy {
  readonly outputs: number;
  readonly gradient: number;
}

/** Where float32 and dopri5 are far from. */
const TIGHT = { solver: 'dopri8', gradient: 'symplectic', rtol: 1e-12, atol: 1e-12 } as const;

/** The equation's own results, to 1e-10 or so: in doubles, with steps that end on the output times. */
export function referenceOf(field: WorkloadField, run: RunSpec): Results {
  const y0 = field.y0.map((x) => ({ shape: x.shape, data: Float64Array.from(x.dataSync()) }));
  const params = [...field.parameters];
  const ts = outputTimes(run);
  const solution = solve(field.f, y0, ts, { ...TIGHT, engine: 'wasm', registry, params });
  try {
    const first = run.loss === 'all' ? 0 : ts.length - 1;
    const cotangents = solution.ys.map(({ shape, data }) => ({
      shape,
      data: data.map((x, i) => (i < (first * data.length) / ts.length ? 0 : 2 * x)),
    }));
    const gradient = solution.pullback(cotangents);
    return {
      outputs: solution.ys.flatMap(({ data }) => [...data]),
      gradient: [
        ...gradient.y0.flatMap(({ data }) => [...data]),
        ...params.flatMap(({ name, shape }) => asDrawn(gradient.parameters[name]!.data, shape)),
      ],
    };
  } finally {
    solution.dispose();
  }
}

/** The results of a value and gradient in tensors. */
export function resultsOf({ ys, y0, parameters }: CalledGradient, field: WorkloadField): Results {
  const numbers = ys.flatMap((part) => [...part.dataSync()]);
  const slopes = field.parameters.flatMap(({ name, shape }) => asDrawn(parameters[name]!.dataSync(), shape));
  return { outputs: numbers, gradient: [...y0.flatMap((part) => [...part.dataSync()]), ...slopes] };
}

/**
 * How far `results` are from the reference.
 *
 * @throws if there are not as many numbers as there should be.
 */
export function accuracyOf(results: Results, reference: Results): Accuracy {
  return {
    outputs: difference(results.outputs, reference.outputs, 'outputs'),
    gradient: difference(results.gradient, reference.gradient, 'gradient'),
  };
}

function difference(x: ArrayLike<number>, wanted: ArrayLike<number>, name: string): number {
  if (x.length !== wanted.length)
    throw new Error(`'${name}' has ${x.length} numbers, of this run it should have ${wanted.length}.`);
  let [square, size] = [0, 0];
  for (let i = 0; i < wanted.length; i++) {
    square += (x[i]! - wanted[i]!) ** 2;
    size += wanted[i]! ** 2;
  }
  return Math.sqrt(square / size);
}

/** A weight matrix is [in, out] here, and was drawn as [out, in]. */
function asDrawn(values: ArrayLike<number>, [inputs = 0, outputs]: readonly number[]): number[] {
  if (outputs === undefined) return Array.from(values);
  return Array.from({ length: values.length }, (_, i) => {
    const [row, column] = [Math.floor(i / inputs), i % inputs];
    return values[column * outputs + row]!;
  });
}
