import type { State, VectorField } from '@odegrad/core';

import { addInto, release, take, type OnnxArray } from '../runtime/array.ts';
import { type FloatData } from '@odegrad/trace';
import { prepareBlock, type BlockDescription } from './shard.ts';
import type { BlockCall, BlockResult } from './shard-call.ts';
import type { Answer } from './channel.ts';
import { blockMemory, longestCall, type BlockMemory } from './shared-memory.ts';
import { crew, type Hand } from './worker-pool.ts';
import type { CompiledField } from '../field/field.ts';
import { sizeOf } from '@odegrad/trace';
import type { Block, RowBlocks } from './shards.ts';
import { operations } from '@odegrad/trace';

/** The blocks of a field: the first is run by the calling thread, each of the others by one of its own. */
export interface BlockTeam {
  /** With the values that the variables have for one solve. */
  solve(parameters: State<OnnxArray>, others: State<OnnxArray>): TeamSolve;
  /** Closes the sessions of the threads; the first block's are those of the runtime that it was given. */
  retire(): void;
}

export interface TeamSolve {
  /** The first block's field. */
  readonly own: VectorField<OnnxArray>;
  /** Steps that one call takes, at most. */
  readonly longest: number;
  /** Has every block do its part and puts the results together: rows side by side, summands added. */
  call(call: BlockCall, inputs: readonly State<OnnxArray>[]): BlockResult;
}

interface Helper {
  readonly hand: Hand;
  readonly block: Block;
  readonly memory: BlockMemory;
}

let fields = 0;

/** Tells the threads of fields that nobody can ask for any more. */
const gone = new FinalizationRegistry<{ readonly field: number; readonly hands: readonly Hand[] }>(
  ({ field, hands }) => {
    for (const hand of hands) hand.tell({ kind: 'forget', field });
  },
);

/** Prepares the blocks. */
export function blockTeam(
  { blocks, programs, shapes, variables }: RowBlocks,
  {
    runtime,
    engine,
    parameterShapes,
    ...about
  }: Pick<CompiledField, 'shapes' | 'parameterShapes' | 'runtime' | 'engine'>,
): BlockTeam {
  const { float, pool, cores } = runtime;
  const field = fields++;
  const threads = Math.max(1, Math.floor((runtime.threads ?? cores) / blocks.length));
  const [mine, ...others] = blocks as readonly [Block, ...Block[]];
  const hands = crew(others.length);
  const describe = (block: Block): BlockDescription => ({
    ...programs(block),
    shapes: shapes(block),
    parameterShapes,
  });
  // The first block is none smaller than the others.
  const first = describe(mine);
  const longest = longestCall({ ...first, float }, operations(first.forward));
  const helpers = others.map((block, i): Helper => {
    const description = { ...describe(block), float, threads, longest };
    const memory = blockMemory(description);
    const { buffer } = memory;
    hands[i]!.tell({ kind: 'field', field, ...description, memory: buffer });
    return { hand: hands[i]!, block, memory };
  });
  // Fields of solves hold these, and may outlive the team.
  gone.register(helpers, { field, hands });
  const prepared = prepareBlock(first, {
    engine,
    runtime: { ...runtime, threads: undefined, cores: threads },
  });
  const wholeKinds = about.shapes.map((shape) => pool.kind(shape, float));
  const rowSizes = about.shapes.map(([, ...row]) => sizeOf(row));

  const rowsOf = (state: State<OnnxArray>, { from, to }: Block): FloatData[] =>
    state.map((x, k) => (x.data as FloatData).subarray(from * rowSizes[k]!, to * rowSizes[k]!));
  const giveRows = (state: State<OnnxArray>, block: Block, rooms: readonly FloatData[]): void => {
    rowsOf(state, block).forEach((rows, k) => {
      rooms[k]!.set(rows);
    });
  };
  /** A state of the whole batch from the first block's and what the others left in memory. */
  const sideBySide = (own: State<OnnxArray>, i: number): State<OnnxArray> =>
    own.map((first, k) => {
      const x = take(wholeKinds[k]!);
      const data = x.data as FloatData;
      data.set(first.data as FloatData);
      for (const { block, memory } of helpers) data.set(memory.states[i]![k]!, block.from * rowSizes[k]!);
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
      for (const { hand } of helpers) hand.tell({ kind: 'retire', field });
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
            for (const { hand, block } of helpers) {
              const others = bare(variables(block, rest));
              hand.tell({ kind: 'variables', field, parameters: bare(parameters), others });
            }
          }
          for (const { hand, block, memory } of helpers) {
            inputs.forEach((state, i) => {
              giveRows(state, block, memory.inputs[i]!);
            });
            hand.ask(field, call, inputs.length);
          }
          const done = outcome(() =>
            own.call(
              call,
              inputs.map((state) => rowsOf(state, mine)),
            ),
          );
          // What is let go of is of no interest, nor when.
          const answers =
            call.operation === 'release' ? [] : helpers.map(({ hand }) => outcome(() => hand.answer()));
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
  mine: Outcome<BlockResult>,
  others: readonly Outcome<Answer>[],
  sideBySide: (own: State<OnnxArray>, i: number) => State<OnnxArray>,
  added: (own: OnnxArray, i: number) => OnnxArray,
): BlockResult {
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
