import { slice_util } from '@tensorflow/tfjs-core';

import { emitChosen } from '../nests/gather.ts';
import { broadcast, reshaped, sliced, transposed, type View } from '../nests/view.ts';
import { alias, axesOf, type Call, type Lowering, type LoweringTable } from './call.ts';
import { UnsupportedError } from './unsupported.ts';

const axisOf = (axis: unknown, rank: number): number => ((axis as number) + rank) % rank;

/** A value that is another view of its operand. */
const viewed =
  (view: (x: View, call: Call) => View): Lowering =>
  (call) => {
    alias(call, call.output, call.x, view(call.plan.view(call.x), call));
  };

const reshape: Lowering = (call) => {
  const { plan, x, output, phase } = call;
  const shape = plan.shape(output);
  const from = plan.view(x);
  const view = reshaped(from, shape);
  if (view) {
    alias(call, output, x, view);
    return;
  }
  // No strides say where the entries are: they are put in order first.
  const room = plan.room(output);
  const inOrder = reshaped(room, from.shape);
  if (!inOrder) throw new UnsupportedError('Reshape', 'of rows in lanes has no WebAssembly');
  const level = plan.ready(x, phase);
  plan.copyView(from, plan.kind(x), inOrder, phase, level);
  plan.filled(output, room, level);
};

/** Parts of the result that are copies of operands. */
function assembled(
  { plan, output, phase }: Call,
  parts: readonly { value: number; begin: readonly number[] }[],
): void {
  const room = plan.room(output);
  const levels = parts.map(({ value, begin }) => {
    const shape = plan.shape(output).map((extent, axis) => plan.shape(value)[axis] ?? extent);
    return plan.copy(value, sliced(room, begin, shape), phase);
  });
  plan.filled(output, room, Math.max(0, ...levels));
}

const concat: Lowering = (call) => {
  const { plan, attrs, operands, output } = call;
  const rank = plan.shape(output).length;
  const axis = axisOf(attrs['axis'], rank);
  let from = 0;
  const parts = operands.map((value) => {
    const begin = new Array<number>(rank).fill(0);
    begin[axis] = from;
    from += plan.shape(value)[axis]!;
    return { value, begin };
  });
  assembled(call, parts);
};

const pack: Lowering = ({ plan, attrs, operands, output, phase }) => {
  const shape = plan.shape(output);
  const axis = axisOf(attrs['axis'], shape.length);
  const room = plan.room(output);
  const levels = operands.map((value, i) => {
    const [strides, rest] = [room.strides, shape].map((list) => list.filter((_, k) => k !== axis));
    const layer = { ...room, offset: room.offset + i * room.strides[axis]!, shape: rest!, strides: strides! };
    return plan.copy(value, layer, phase);
  });
  plan.filled(output, room, Math.max(0, ...levels));
};

/** Pieces of the operand along an axis, each a view of it. */
const pieces =
  (keepsAxis: boolean, axisName = 'axis'): Lowering =>
  (call) => {
    const { plan, attrs, outputs, x } = call;
    const from = plan.view(x);
    const axis = axisOf(attrs[axisName], from.shape.length);
    let start = 0;
    for (const output of outputs) {
      const extent = keepsAxis ? plan.shape(output)[axis]! : 1;
      const begin = from.shape.map((_, k) => (k === axis ? start : 0));
      const piece = sliced(
        from,
        begin,
        from.shape.map((own, k) => (k === axis ? extent : own)),
      );
      const rest = (list: readonly number[]): number[] => list.filter((_, k) => k !== axis);
      alias(
        call,
        output,
        x,
        keepsAxis ? piece : { ...piece, shape: rest(piece.shape), strides: rest(piece.strides) },
      );
      start += extent;
    }
  };

const pad: Lowering = ({ plan, attrs, x, output, phase }) => {
  const paddings = attrs['paddings'] as readonly (readonly [number, number])[];
  const room = plan.room(output);
  const shape = plan.shape(output);
  const inside = plan.shape(x);
  const level = plan.copy(
    x,
    sliced(
      room,
      paddings.map(([before]) => before),
      inside,
    ),
    phase,
  );
  // Along each axis a border before and one behind, within the borders of the axes before it.
  paddings.forEach(([before, after], axis) => {
    for (const [from, extent] of [
      [0, before],
      [before + inside[axis]!, after],
    ] as const) {
      if (extent === 0) continue;
      const begin = shape.map((_, k) => (k < axis ? paddings[k]![0] : k === axis ? from : 0));
      const size = shape.map((whole, k) => (k < axis ? inside[k]! : k === axis ? extent : whole));
      const entry = (attrs['constantValue'] as number | undefined) ?? 0;
      plan.fill(sliced(room, begin, size), plan.kind(x), entry, phase);
    }
  });
  plan.filled(output, room, level);
};

const tile: Lowering = ({ plan, x, output, phase }) => {
  const room = plan.room(output);
  const inside = plan.shape(x);
  const reps = plan.shape(output).map((extent, axis) => (inside[axis] === 0 ? 0 : extent / inside[axis]!));
  const apart = reps.flatMap((count, axis) => [count, inside[axis]!]);
  const to = reshaped(room, apart);
  if (!to) throw new UnsupportedError('Tile', 'of rows in lanes has no WebAssembly');
  const from = plan.view(x);
  const repeated = {
    ...from,
    shape: apart,
    strides: from.strides.flatMap((stride) => [0, stride]),
  };
  const level = plan.ready(x, phase);
  plan.copyView(repeated, plan.kind(x), to, phase, level);
  plan.filled(output, room, level);
};

const gather: Lowering = (call) => {
  const { plan, attrs, kernel, operand, output, phase } = call;
  if (((attrs['batchDims'] as number | undefined) ?? 0) !== 0)
    throw new UnsupportedError(kernel, 'with batch dimensions has no WebAssembly');
  const [x, ids] = [operand('x'), operand('indices')];
  const axis = axisOf(attrs['axis'], plan.shape(x).length);
  const room = plan.room(output);
  const indices = flat(plan.view(ids));
  const shape = plan.shape(x).map((extent, k) => (k === axis ? indices.shape[0]! : extent));
  const parts = reshaped(room, shape);
  if (!parts) throw new UnsupportedError(kernel, 'of rows in lanes has no WebAssembly');
  const whole = plan.view(x);
  const level = Math.max(plan.ready(x, phase), plan.ready(ids, phase));
  plan.nest({
    ...{ phase, level, reads: [whole.buffer, indices.buffer], writes: [room.buffer] },
    emit: (emitter, scene) => {
      emitChosen(emitter, scene, { whole, axis, parts, indices }, 'copy');
    },
  });
  plan.filled(output, room, level);
};

const segmentSum: Lowering = ({ plan, kernel, operand, output, phase }) => {
  const [x, ids] = [operand('x'), operand('segmentIds')];
  if (plan.kind(x) !== 'float') throw new UnsupportedError(kernel, 'of integers has no WebAssembly');
  const whole = plan.room(output);
  const [parts, indices] = [plan.view(x), flat(plan.view(ids))];
  const level = Math.max(plan.ready(x, phase), plan.ready(ids, phase)) + 1;
  plan.fill(whole, 'float', 0, phase, level - 1);
  plan.nest({
    ...{ phase, level, reads: [parts.buffer, indices.buffer, whole.buffer], writes: [whole.buffer] },
    emit: (emitter, scene) => {
      emitChosen(emitter, scene, { whole, axis: 0, parts, indices }, 'add');
    },
  });
  plan.filled(output, whole, level);
};

function flat(view: View): View {
  const one = reshaped(view, [view.shape.reduce((n, extent) => n * extent, 1)]);
  if (!one)
    throw new UnsupportedError('GatherV2', 'with indices that do not follow one another has no WebAssembly');
  return one;
}

/** Views, joins, paddings and gathers. */
export const shapes: LoweringTable = {
  Reshape: reshape,
  Identity: viewed((x) => x),
  Transpose: viewed((x, { attrs }) => transposed(x, attrs['perm'] as number[])),
  BroadcastTo: viewed((x, { plan, output }) => broadcast(x, plan.shape(output))),
  Slice: viewed((x, { plan, attrs, output }) => {
    const begin = [attrs['begin'] as number | readonly number[]].flat();
    return sliced(
      x,
      x.shape.map((_, axis) => begin[axis] ?? 0),
      plan.shape(output),
    );
  }),
  StridedSlice: (call) => {
    const { plan, attrs, x, output } = call;
    const n = (key: string): number => attrs[key] as number;
    const list = (key: string): number[] => attrs[key] as number[];
    const from = plan.view(x);
    const info = slice_util.sliceInfo(
      [...from.shape],
      ...([list('begin'), list('end'), list('strides')] as const),
      ...([n('beginMask'), n('endMask'), n('ellipsisMask'), n('newAxisMask'), n('shrinkAxisMask')] as const),
    );
    const extents = info.begin.map((begin, axis) =>
      Math.max(0, Math.ceil((info.end[axis]! - begin) / info.strides[axis]!)),
    );
    const view = reshaped(sliced(from, info.begin, extents, info.strides), plan.shape(output));
    if (!view) throw new UnsupportedError('StridedSlice');
    alias(call, output, x, view);
  },
  Reverse: viewed((x, { attrs }) => {
    const axes = axesOf(attrs['dims'], x.shape.length);
    const begin = x.shape.map((extent, axis) => (axes.includes(axis) ? Math.max(0, extent - 1) : 0));
    return sliced(
      x,
      begin,
      x.shape,
      x.shape.map((_, axis) => (axes.includes(axis) ? -1 : 1)),
    );
  }),
  Concat: concat,
  Pack: pack,
  Unpack: pieces(false),
  SplitV: pieces(true),
  PadV2: pad,
  Tile: tile,
  GatherV2: gather,
  UnsortedSegmentSum: segmentSum,
};
