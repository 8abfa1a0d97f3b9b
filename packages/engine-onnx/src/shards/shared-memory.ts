import { bytesOfFloat, type FloatData } from '@odegrad/trace';
import { BLOCK_CALL } from '../tuning.ts';
import { MOST_STEPS } from './shard-call.ts';
import type { SentShard } from './channel.ts';
import { sizeOf } from '@odegrad/trace';

/** Room for the arrays of a call, in memory that both threads see. */
export interface ShardMemory {
  readonly buffer: SharedArrayBuffer;
  readonly inputs: readonly (readonly FloatData[])[];
  readonly states: readonly (readonly FloatData[])[];
  readonly parameters: readonly FloatData[];
}

/** How many steps one call takes, of an f of so many operations. Whoever watches a solve is told of them after the call. */
export function longestCall({ shapes, float }: Pick<SentShard, 'shapes' | 'float'>, work: number): number {
  const entries = shapes.reduce((sum, shape) => sum + sizeOf(shape), 0);
  const bytes = Math.max(1, entries * bytesOfFloat(float));
  return Math.max(1, Math.floor(Math.min(MOST_STEPS, BLOCK_CALL.bytes / bytes, BLOCK_CALL.work / work)));
}

/** Lays the memory out; in a new buffer unless one is given. */
export function shardMemory(
  {
    shapes,
    parameterShapes,
    float,
    longest,
  }: Pick<SentShard, 'shapes' | 'parameterShapes' | 'float' | 'longest'>,
  given?: SharedArrayBuffer,
): ShardMemory {
  const width = bytesOfFloat(float);
  // An adjoint takes the state of each step and a cotangent; an attempted step gives its state, error and last slope.
  const [inputs, results] = [longest + 1, Math.max(longest, 3)];
  const states = Array.from({ length: inputs + results }, () => shapes);
  const total = [...states.flat(), ...parameterShapes].reduce((sum, shape) => sum + sizeOf(shape), 0);
  const buffer = given ?? new SharedArrayBuffer(width * total);
  let offset = 0;
  const room = (shape: readonly number[]): FloatData => {
    const size = sizeOf(shape);
    const view =
      float === 'float64' ? new Float64Array(buffer, offset, size) : new Float32Array(buffer, offset, size);
    offset += width * size;
    return view;
  };
  const rooms = states.map((parts) => parts.map(room));
  return {
    buffer,
    inputs: rooms.slice(0, inputs),
    states: rooms.slice(inputs),
    parameters: parameterShapes.map(room),
  };
}
