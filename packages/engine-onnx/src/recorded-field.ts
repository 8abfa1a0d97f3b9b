import type { VectorField } from '@odegrad/core';
import type { FieldRequest, PreparedField } from '@odegrad/engine-tfjs';
import { recovered, type FloatData, type TracedField } from '@odegrad/trace';
import { tensor, Variable, type Tensor } from '@tensorflow/tfjs-core';

import { compileField, vectorField, type CompiledField } from './field/field.ts';
import type { LoweringError } from './lower/index.ts';
import { wrap } from '@odegrad/trace';
import { type OnnxArray, type Runtime } from './runtime/runtime.ts';
import { obstacleIn } from './runtime/compile.ts';
import { arrayEngine, arrayOf } from '@odegrad/trace';
import type { largeSums } from './runtime/large-sums.ts';
import type { Session } from './runtime/session.ts';
import { shardedField } from './shards/shard-field.ts';
import { shardGroup, type ShardGroup } from './shards/shard-group.ts';
import { shardsThatPay, rowShards } from './shards/shards.ts';
import { hasWorkers } from './shards/worker-pool.ts';

/** The models of a recording. */
export interface RecordedField {
  readonly field: CompiledField;
  /** The field in blocks of rows, where it is run so. */
  readonly group: ShardGroup | undefined;
  /** The kernel that cannot be lowered, if there is one. */
  readonly obstacle: LoweringError | undefined;
  /** Closes the sessions of its models. */
  retire(): void;
}

interface About {
  /** Plain sums of large arrays. */
  readonly plus: ReturnType<typeof largeSums>;
  /** Blocks of rows, where that is said. */
  readonly blocks: number | undefined;
}

/** Prepares the models of a recording; they are compiled when they are first needed. */
export function compileRecorded(
  traced: Omit<TracedField<unknown>, 'made'>,
  { parameters, dtype }: FieldRequest,
  usual: Runtime,
  { plus, blocks }: About,
): RecordedField {
  const opened: Session[] = [];
  const runtime: Runtime = { ...usual, opened };
  const { forward, gradientIfAny: gradient } = traced;
  const programs = { forward: () => forward, gradient: traced.gradient };
  const about = {
    runtime,
    engine: arrayEngine('onnx', dtype, plus),
    shapes: traced.shapes,
    parameterShapes: parameters.map(({ shape }) => shape),
  };
  // Looked for before a solve begins: in f, and in its gradient where it has one.
  const obstacle = obstacleIn(gradient ? [forward, gradient] : [forward], runtime);
  const count = canHelp(runtime) && !obstacle ? (blocks ?? shardsThatPay(traced, runtime)) : 1;
  const rows = gradient && rowShards({ forward, gradient }, traced.shapes, count);
  const group = rows && shardGroup(rows, about);
  return {
    field: compileField(programs, about),
    group,
    obstacle,
    retire() {
      for (const session of opened) session.release();
      group?.retire();
    },
  };
}

/** The field with the values that the variables have now. */
export function solveWith(
  { field, group }: RecordedField,
  request: FieldRequest,
  others: readonly Tensor[],
  fuse: boolean,
): PreparedField<OnnxArray> {
  const { pool, float } = field.runtime;
  const read = (x: Tensor): OnnxArray => {
    const kind = pool.kind(x.shape, x.dtype === 'float32' ? float : x.dtype);
    const exact = request.exact?.get(x);
    if (exact) return wrap(kind, exact.slice());
    const values = x.dataSync();
    if (float === 'float32' || x.dtype !== 'float32') return wrap(kind, values);
    // A captured number is taken as it was written, as one in f is.
    const isMade = x instanceof Variable || request.parameters.includes(x);
    return wrap(kind, Float64Array.from(isMade ? values : recovered(values as Float32Array)));
  };
  const variables = [request.parameters.map(read), others.map(read)] as const;
  const solved = group
    ? shardedField(group.solve(...variables), { engine: field.engine, parameters: variables[0] })
    : vectorField(field, ...variables);
  return {
    field: fuse ? solved : stageByStage(solved),
    fromTensor: (x) => arrayOf(pool, float, x.dataSync(), x.shape),
    toTensor: (x) => tensor(Float32Array.from(x.data as Float32Array), [...x.dims], 'float32'),
    fromArray: (values, shape) => arrayOf(pool, float, values, shape),
    toArray: (x) => Float64Array.from(x.data as FloatData),
  };
}

/** The field without whole steps. */
function stageByStage({ compile: _, ...field }: VectorField<OnnxArray>): VectorField<OnnxArray> {
  return field;
}

/** Whether other threads can run blocks: they have processors, and not what a provider drives. */
const canHelp = ({ providers }: Runtime): boolean =>
  providers.every((provider) => provider === 'cpu') && hasWorkers();
