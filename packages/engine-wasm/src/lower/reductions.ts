import type { Code } from '../encode/bytes.ts';
import type { Scene } from '../nests/node.ts';
import { emitReduce, type Reduction } from '../nests/reduce.ts';
import { emitArgument, emitCumulative } from '../nests/scan.ts';
import { reshaped, sliced, type View } from '../nests/view.ts';
import { axesOf, type Call, type Lowering, type LoweringTable } from './call.ts';
import { accumulate } from './accumulate.ts';
import { UnsupportedError } from './unsupported.ts';

type Operation = 'add' | 'mul' | 'max' | 'min';
const starts = { add: 0, mul: 1, max: -Infinity, min: Infinity } as const;
const integerStarts = { ...starts, max: -(2 ** 31), min: 2 ** 31 - 1 } as const;

const of = (
  { lanes, integers }: Scene,
  isFloat: boolean,
): Pick<Scene['lanes'], Operation | 'number' | 'gt' | 'lt'> => (isFloat ? lanes : integers);

function reductionBy(name: Operation, isFloat: boolean, divisor: number): Reduction {
  const start = (isFloat ? starts : integerStarts)[name];
  return {
    start: (scene) => of(scene, isFloat).number(start),
    combine: (scene, a, b) => of(scene, isFloat)[name](a, b),
    ...(divisor === 1 ? {} : { finish: ({ lanes }, x) => lanes.div(x, lanes.number(divisor)) }),
  };
}

const masks = (name: 'and' | 'or'): Reduction => ({
  start: ({ lanes }) => lanes.bits(name === 'and' ? -1n : 0n),
  combine: ({ lanes }, a, b) => lanes[name](a, b),
});

const namedAxes = ({ attrs, plan, x }: Call): number[] =>
  axesOf(attrs['axis'] ?? attrs['reductionIndices'] ?? attrs['dim'], plan.shape(x).length);

/** The result without the axes of extent 1 that it may keep. */
function withoutAxes(out: View, axes: readonly number[], rank: number): View {
  if (out.shape.length < rank) return out;
  const rest = (list: readonly number[]): number[] => list.filter((_, axis) => !axes.includes(axis));
  return { ...out, shape: rest(out.shape), strides: rest(out.strides) };
}

const reduction =
  (choose: (call: Call, count: number) => Reduction): Lowering =>
  (call) => {
    const { plan, x, output, phase } = call;
    const axes = namedAxes(call);
    const shape = plan.shape(x);
    const level = plan.ready(x, phase);
    const view = plan.view(x);
    const out = plan.room(output);
    const bare = withoutAxes(out, axes, shape.length);
    const by = choose(
      call,
      axes.reduce((n, axis) => n * shape[axis]!, 1),
    );
    plan.nest({
      ...{ phase, level, reads: [view.buffer], writes: [out.buffer] },
      emit: (emitter, scene) => {
        emitReduce(emitter, scene, { x: view, out: bare, reduced: axes, by });
      },
    });
    plan.filled(output, out, level);
  };

const arithmetic = (name: Operation, isMean = false): Lowering => {
  const usual = reduction(({ plan, x, kernel }, count) => {
    if (plan.kind(x) === 'mask') throw new UnsupportedError(kernel, 'of truth values has no WebAssembly');
    return reductionBy(name, plan.kind(x) === 'float', isMean ? count : 1);
  });
  return (call) => {
    const { plan, x, output, kernel } = call;
    const isOfRows = (value: number, layout: string): boolean => plan.rows?.shardings[value] === layout;
    if (!(isOfRows(x, 'sharded') && isOfRows(output, 'partial'))) usual(call);
    else if (kernel === 'Sum' && plan.kind(x) === 'float') sumOfRows(call);
    else throw new UnsupportedError(kernel, 'over rows in lanes has no WebAssembly');
  };
};

/** A sum over rows that lie in lanes: for every tile, the sums of its lanes are added to what there is. */
function sumOfRows(call: Call): void {
  const { plan, x, output } = call;
  const axes = namedAxes(call);
  let view = plan.view(x);
  let level = plan.ready(x, 2);
  const others = axes.filter((axis) => axis > 0);
  if (others.length > 0) {
    // Over other axes first, where rows stay apart.
    const shape = view.shape.filter((_, axis) => !others.includes(axis));
    const flat = plan.scratch([...shape.slice(1), shape[0]!]);
    const within: View = { ...flat, shape, strides: [1, ...flat.strides.slice(0, -1)] };
    const from = view;
    const by = reductionBy('add', true, 1);
    plan.nest({
      ...{ phase: 2, level, reads: [from.buffer], writes: [flat.buffer] },
      emit: (emitter, scene) => {
        emitReduce(emitter, scene, { x: from, out: within, reduced: others, by });
      },
    });
    view = within;
    level += 1;
  }
  const [rows, ...rest] = view.shape as [number, ...number[]];
  const count = rest.reduce((n, extent) => n * extent, 1);
  const line = reshaped({ ...view, shape: rest, strides: view.strides.slice(1) }, [count]);
  if (!line || view.strides[0] !== 1)
    throw new UnsupportedError('Sum', 'of rows apart in memory has no WebAssembly');
  const b = { ...line, shape: [count, rows], strides: [line.strides[0]!, 1] };
  accumulate(plan, output, [1, count], level, [{ b }]);
}

const position =
  (name: 'gt' | 'lt'): Lowering =>
  (call) => {
    const { plan, x, output, phase } = call;
    const [axis] = namedAxes(call);
    const isFloat = plan.kind(x) === 'float';
    const from = plan.view(x);
    const room = plan.room(output);
    const level = plan.ready(x, phase);
    const insert = (list: readonly number[], item: number): number[] => [
      ...list.slice(0, axis),
      item,
      ...list.slice(axis),
    ];
    const out: View = {
      ...room,
      shape: insert(room.shape, from.shape[axis!]!),
      strides: insert(room.strides, 0),
    };
    plan.nest({
      ...{ phase, level, reads: [from.buffer], writes: [room.buffer] },
      emit: (emitter, scene) => {
        emitArgument(emitter, scene, { x: from, out }, axis!, (a, b) => of(scene, isFloat)[name](a, b));
      },
    });
    plan.filled(output, room, level);
  };

const cumulative =
  (name: 'add' | 'mul'): Lowering =>
  (call) => {
    const { plan, x, output, phase, attrs, kernel } = call;
    const kind = plan.kind(x);
    if (kind === 'mask') throw new UnsupportedError(kernel, 'of truth values has no WebAssembly');
    const [axis] = namedAxes(call) as [number];
    const level = plan.ready(x, phase);
    const [from, room] = [plan.view(x), plan.room(output)];
    const turned = (view: View): View => {
      if (attrs['reverse'] !== true) return view;
      const begin = view.shape.map((extent, k) => (k === axis ? Math.max(0, extent - 1) : 0));
      return sliced(
        view,
        begin,
        view.shape,
        view.shape.map((_, k) => (k === axis ? -1 : 1)),
      );
    };
    plan.nest({
      ...{ phase, level, reads: [from.buffer], writes: [room.buffer] },
      emit: (emitter, scene) => {
        const arithmetic_ = of(scene, kind === 'float');
        emitCumulative(emitter, scene, { x: turned(from), out: turned(room) }, axis, {
          start: arithmetic_.number(name === 'add' ? 0 : 1),
          combine: (a: Code, b: Code) => arithmetic_[name](a, b),
          exclusive: attrs['exclusive'] === true,
        });
      },
    });
    plan.filled(output, room, level);
  };

/** Sums, products, extrema and scans. */
export const reductions: LoweringTable = {
  Sum: arithmetic('add'),
  Mean: arithmetic('add', true),
  Prod: arithmetic('mul'),
  Max: arithmetic('max'),
  Min: arithmetic('min'),
  All: reduction(() => masks('and')),
  Any: reduction(() => masks('or')),
  ArgMax: position('gt'),
  ArgMin: position('lt'),
  Cumsum: cumulative('add'),
  Cumprod: cumulative('mul'),
};
