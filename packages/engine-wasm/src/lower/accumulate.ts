import { emitDots, type Dot } from '../nests/dots.ts';
import { rowMajor } from '../nests/view.ts';
import type { Plan } from './plan.ts';

/** Adds sums over lanes, for every tile, to a value that is zero when the first one begins; as a matrix of that shape. */
export function accumulate(
  plan: Plan,
  output: number,
  matrix: readonly number[],
  level: number,
  pairs: readonly Dot[],
): void {
  const { sums, pending } = plan.sumsOfRows;
  const sum = sums.get(output);
  if (sum !== undefined) {
    const known = pending.get(sum);
    if (!known) pending.set(sum, { level, matrix, pairs: [...pairs] });
    else {
      known.level = Math.max(known.level, level);
      known.pairs.push(...pairs);
    }
    return;
  }
  const out = plan.room(output);
  plan.fill(out, 'float', 0, 1);
  const views = pairs.flatMap(({ a, b }) => (a ? [a, b] : [b]));
  plan.nest({
    ...{ phase: 2, level, reads: [...views.map(({ buffer }) => buffer), out.buffer], writes: [out.buffer] },
    emit: (emitter, scene) => {
      emitDots(emitter, scene, pairs, { ...out, shape: matrix, strides: rowMajor(matrix) });
    },
  });
  plan.filled(output, out, level);
}
