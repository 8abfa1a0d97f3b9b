import type { State, VectorField } from '@odegrad/core';

import { addInto, release, take } from '@odegrad/trace';
import { type OnnxArray } from '../runtime/runtime.ts';
import { type FloatData } from '@odegrad/trace';
import { prepareShard, type ShardDescription } from './shard.ts';
import type { ShardCall, ShardResult } from './shard-call.ts';
import type { Answer } from './channel.ts';
import { shardMemory, longestCall, type ShardMemory } from './shared-memory.ts';
import { workerPool, type PoolWorker } from './worker-pool.ts';
import type { CompiledField } from '../field/field.ts';
import { sizeOf } from '@odegrad/trace';
import type { Shard, RowShards } from './shards.ts';
import { operations } from '@odegrad/trace';

/** The shards of a field: the first is run by the calling thread, each of the others by one of its own. */
export interface ShardGroup {
  /** With the values that the variables have for one solve. */
  solve(parameters: State<OnnxArray>, others: State<OnnxArray>): GroupSolve;
  /** Closes the sessions of the threads; the first shard's are those of the runtime that it was given. */
  retire(): void;
}

export interface GroupSolve {
  /** The first shard's field. */
  readonly own: VectorField<OnnxArray>;
  /** Steps that one call takes, at most. */
  readonly longest: number;
  /** Has every shard do its part and puts the results together: rows side by side, summands added. */
  call(call: ShardCall, inputs: readonly State<OnnxArray>[]): ShardResult;
}

interface Helper {
  readonly worker: PoolWorker;
  readonly shard: Shard;
  readonly memory: ShardMemory;
}

let fields = 0;

/** Tells the threads of fields that nobody can ask for any more. */
const gone = new FinalizationRegistry<{ readonly field: number; readonly workers: readonly PoolWorker[] }>(
  ({ field, workers }) => {
    for (const worker of workers) worker.tell({ kind: 'forget', field });
  },
);

/** Prepares the shards. */
export function shardGroup(
  { shards, programs, shapes, variables }: RowShards,
  {
    runtime,
    engine,
    parameterShapes,
    ...about
  }: Pick<CompiledField, 'shapes' | 'parameterShapes' | 'runtime' | 'engine'>,
): ShardGroup {
  const { float, pool, cores } = runtime;
  const field = fields++;
  const threads = Math.max(1, Math.floor((runtime.threads ?? cores) / shards.length));
  const [mine, ...others] = shards as readonly [Shard, ...Shard[]];
  const workers = workerPool(others.length);
  const describe = (shard: Shard): ShardDescription => ({
    ...programs(shard),
    shapes: shapes(shard),
    parameterShapes,
  });
  // The first shard is none smaller than the others.
  const first = describe(mine);
  const longest = longestCall({ ...first, float }, operations(first.forward));
  const helpers = others.map((shard, i): Helper => {
    const description = { ...describe(shard), float, threads, longest };
    const memory = shardMemory(description);
    const { buffer } = memory;
    workers[i]!.tell({ kind: 'field', field, ...description, memory: buffer });
    return { worker: workers[i]!, shard, memory };
  });
  // Fields of solves hold these, and may outlive the group.
  gone.register(helpers, { field, workers });
  const prepared = prepareShard(first, {
    engine,
    runtime: { ...runtime, threads: undefined, cores: threads },
  });
  const wholeKinds = about.shapes.map((shape) => pool.kind(shape, float));
  const rowSizes = about.shapes.map(([, ...row]) => sizeOf(row));

  const rowsOf = (state: State<OnnxArray>, { from, to }: Shard): FloatData[] =>
    state.map((x, k) => (x.data as FloatData).subarray(from * rowSizes[k]!, to * rowSizes[k]!));
  const giveRows = (state: State<OnnxArray>, shard: Shard, rooms: readonly FloatData[]): void => {
    rowsOf(state, shard).forEach((rows, k) => {
      rooms[k]!.set(rows);
    });
  };
  /** A state of the whole batch from the first shard's and what the others left in memory. */
  const sideBySide = (own: State<OnnxArray>, i: number): State<OnnxArray> =>
    own.map((first, k) => {
      const x = take(wholeKinds[k]!);
      const data = x.data as FloatData;
      data.set(first.data as FloatData);
      for (const { shard, memory } of helpers) data.set(memory.states[i]![k]!, shard.from * rowSizes[k]!);
      release(first);
      return x;
    });
  const added = (own: OnnxArray, i: number): OnnxArray => {
    for (const { memory } of helpers) addInto(own, memory.parameters[i]!);
    return own;
  };

  /** The solve whose variables the threads have. */
  let current: object | undefined;
  return {
    retire() {
      for (const { worker } of helpers) worker.tell({ kind: 'retire', field });
    },
    solve(parameters, rest) {
      const own = prepared.solve(parameters, variables(mine, rest));
      const bare = (arrays: State<OnnxArray>) => arrays.map(({ type, dims, data }) => ({ type, dims, data }));
      return {
        own: own.field,
        longest,
        call(call, inputs) {
          if (current !== own) {
            current = own;
            for (const { worker, shard } of helpers) {
              const others = bare(variables(shard, rest));
              worker.tell({ kind: 'variables', field, parameters: bare(parameters), others });
            }
          }
          for (const { worker, shard, memory } of helpers) {
            inputs.forEach((state, i) => {
              giveRows(state, shard, memory.inputs[i]!);
            });
            worker.ask(field, call, inputs.length);
          }
          const done = outcome(() =>
            own.call(
              call,
              inputs.map((state) => rowsOf(state, mine)),
            ),
          );
          // What is let go of is of no interest, nor when.
          const answers =
            call.operation === 'release' ? [] : helpers.map(({ worker }) => outcome(() => worker.answer()));
          return joined(done, answers, sideBySide, added);
        },
      };
    },
  };
}

type Outcome<T> = { readonly value: T } | { readonly error: unknown };

/** What a call gives or throws, for when others have to be waited for. */
function outcome<T>(call: () => T): Outcome<T> {
  try {
    return { value: call() };
  } catch (error) {
    return { error };
  }
}

function joined(
  mine: Outcome<ShardResult>,
  others: readonly Outcome<Answer>[],
  sideBySide: (own: State<OnnxArray>, i: number) => State<OnnxArray>,
  added: (own: OnnxArray, i: number) => OnnxArray,
): ShardResult {
  if ('error' in mine) throw mine.error;
  const { states, parameters } = mine.value;
  let { t, bytes, stateBytes } = mine.value;
  for (const other of others) {
    if ('error' in other) {
      [...states.flat(), ...parameters].forEach(release);
      throw other.error;
    }
    t += other.value.t;
    bytes += other.value.bytes;
    stateBytes += other.value.stateBytes;
  }
  return {
    ...mine.value,
    states: states.map(sideBySide),
    parameters: parameters.map(added),
    t,
    bytes,
    stateBytes,
  };
}
