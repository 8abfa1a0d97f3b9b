import { pointwise, sizeOf, sameShape, type FloatType, type Program } from '@odegrad/trace';

import type { Emitter } from '../encode/emitter.ts';
import type { Group } from '../nests/group.ts';
import { loaded, type Kind, type Node, type Product, type Scene } from '../nests/node.ts';
import type { Signature } from '../nests/signature.ts';
import type { Rows } from './rows.ts';
import { sumsOfRows, type SumsOfRows } from './sums-of-rows.ts';
import { broadcast, rowMajor, type Buffer, type View } from '../nests/view.ts';

/**
 * When something runs: once for a solve, once a call, for each tile of rows, or after the last of these.
 */
export const phases = ['prelude', 'prologue', 'tile', 'epilogue'] as const;
export type Phase = 0 | 1 | 2 | 3;

/** A loop, or several, in the order in which they are to run. */
export interface Nest {
  readonly phase: Phase;
  readonly level: number;
  readonly reads: readonly Buffer[];
  readonly writes: readonly Buffer[];
  /** What its code depends on, its buffers by their numbers in a list; where it is known. */
  readonly signature?: Signature;
  readonly emit: (emitter: Emitter, scene: Scene) => void;
}

/** What a value is while a program is lowered. */
interface Slot {
  readonly kind: Kind;
  readonly phase: Phase;
  /** When it is there: what needs it in memory comes later. */
  readonly level: number;
  /** In whose loop it is computed, and how. */
  readonly made?: { readonly node: Node; readonly group: Group };
  /** Its uniform entry, of constants that have one. */
  readonly entry?: number;
  view?: View;
}

/** How a value is made of others, entry by entry. */
interface Made extends Pick<Node, 'kind' | 'name' | 'make'> {
  /** Whether its loop is not to be that of its operands. */
  readonly isFirst: boolean;
}

/** Collects what is to be computed: elementwise calls in common loops, each as early as it can be. */
export interface Plan {
  readonly float: FloatType;
  readonly rows: Rows | undefined;
  readonly sumsOfRows: SumsOfRows;
  readonly groups: readonly (Group & { readonly phase: Phase; readonly level: number })[];
  readonly nests: readonly Nest[];
  /** With the rows of a tile. */
  shape(value: number): readonly number[];
  kind(value: number): Kind;
  phase(value: number): Phase;
  /** When a value can be read from memory, in a phase. */
  ready(value: number, phase: Phase): number;
  /** A value in memory. */
  view(value: number): View;
  /** New room for a value. */
  room(value: number): View;
  scratch(shape: readonly number[], width?: number): View;
  given(value: number, view: View, phase: Phase, entry?: number): void;
  /** A value whose view others fill by `level`. */
  filled(value: number, view: View, level: number): void;
  /** Computes a value entry by entry. */
  map(value: number, operands: readonly number[], made: Made): void;
  product(value: number, product: Product, level: number): void;
  /** Writes a value to a place of the same shape, and says when that is done. */
  copy(value: number, to: View, phase: Phase): number;
  copyView(from: View, kind: Kind, to: View, phase: Phase, level: number): void;
  /** Writes a number everywhere. */
  fill(to: View, kind: Kind, entry: number, phase: Phase, level?: number): void;
  nest(nest: Nest): void;
}

const kinds: Readonly<Record<string, Kind>> = {
  float32: 'float',
  float64: 'float',
  int32: 'int',
  bool: 'mask',
};

export function createPlan(program: Program, float: FloatType, rows?: Rows): Plan {
  const { values } = program;
  const width = float === 'float64' ? 8 : 4;
  const slots = new Map<number, Slot>();
  const late = pointwise(program);
  const groups = new Map<string, Group & { phase: Phase; level: number }>();
  const nests: Nest[] = [];
  const partialMakers = new Set<number>();
  for (const { inputs, outputs } of program.instructions)
    if (rows && inputs.some(({ value }) => rows.shardings[value] === 'sharded'))
      outputs.forEach((output) => rows.shardings[output] === 'partial' && partialMakers.add(output));

  const groupFor = (phase: Phase, level: number, shape: readonly number[]): Group => {
    const key = `${phase},${level}:${shape.join()}`;
    let group = groups.get(key);
    if (!group) groups.set(key, (group = { phase, level, shape, stores: [] }));
    return group;
  };
  const slot = (value: number): Slot => slots.get(value)!;
  const isOfRows = (value: number): boolean => rows?.shardings[value] === 'sharded';
  const plan: Plan = {
    float,
    rows,
    sumsOfRows: sumsOfRows(program, rows),
    get groups() {
      return [...groups.values()];
    },
    nests,
    shape(value) {
      const { shape } = values[value]!;
      return rows && isOfRows(value) ? [rows.tile, ...shape.slice(1)] : shape;
    },
    kind: (value) => kinds[values[value]!.dtype]!,
    phase(value) {
      const known = slots.get(value);
      if (known) return known.phase;
      if (isOfRows(value) || partialMakers.has(value)) return 2;
      if (rows?.shardings[value] === 'partial') return 3;
      return late.has(value) ? 1 : 0;
    },
    ready(value, phase) {
      const { phase: own, level } = slot(value);
      return own < phase ? 0 : level + 1;
    },
    view(value) {
      const own = slot(value);
      if (!own.view) {
        own.view = plan.room(value);
        own.made!.group.stores.push({ node: own.made!.node, view: own.view });
      }
      return own.view;
    },
    room(value) {
      const shape = plan.shape(value);
      const view = plan.scratch(shape, values[value]!.dtype === 'float64' ? 8 : width);
      if (!isOfRows(value)) return view;
      // Rows beside one another.
      return { ...view, strides: [1, ...rowMajor(shape.slice(1), shape[0])] };
    },
    scratch: (shape, own = width) => ({
      buffer: { entries: sizeOf(shape), width: own, address: -1 },
      offset: 0,
      shape,
      strides: rowMajor(shape),
    }),
    given(value, view, phase, entry) {
      const kind = plan.kind(value);
      slots.set(value, { kind, phase, level: -1, view, ...(entry === undefined ? {} : { entry }) });
    },
    filled(value, view, level) {
      slots.set(value, { kind: plan.kind(value), phase: plan.phase(value), level, view });
    },
    map(value, operands, { isFirst, ...made }) {
      const shape = plan.shape(value);
      const phase = plan.phase(value);
      const inPlace = (operand: number): boolean =>
        !isFirst &&
        slot(operand).made !== undefined &&
        slot(operand).phase === phase &&
        sameShape(plan.shape(operand), shape);
      const level = operands.reduce(
        (most, x) => Math.max(most, inPlace(x) ? slot(x).level : plan.ready(x, phase)),
        0,
      );
      const nodes = operands.map((x): Node => {
        const own = slot(x);
        if (own.entry !== undefined) return uniform(own.kind, own.entry);
        if (inPlace(x) && own.level === level) return own.made!.node;
        return loaded(broadcast(plan.view(x), shape), own.kind);
      });
      const node: Node = { ...made, operands: nodes };
      slots.set(value, {
        kind: made.kind,
        phase,
        level,
        made: { node, group: groupFor(phase, level, shape) },
      });
    },
    product(value, product, level) {
      const phase = plan.phase(value);
      const node: Node = { kind: 'float', operands: [], product, name: '', make: () => [] };
      const group = groupFor(phase, level, plan.shape(value));
      slots.set(value, { kind: 'float', phase, level, made: { node, group } });
    },
    copy(value, to, phase) {
      const own = slot(value);
      if (own.made && own.phase === phase && sameShape(own.made.group.shape, to.shape)) {
        own.made.group.stores.push({ node: own.made.node, view: to });
        return own.level;
      }
      const level = plan.ready(value, phase);
      const node =
        own.entry === undefined ? loaded(plan.view(value), own.kind) : uniform(own.kind, own.entry);
      groupFor(phase, level, to.shape).stores.push({ node, view: to });
      return level;
    },
    copyView(from, kind, to, phase, level) {
      groupFor(phase, level, to.shape).stores.push({ node: loaded(from, kind), view: to });
    },
    fill(to, kind, entry, phase, level = 0) {
      groupFor(phase, level, to.shape).stores.push({ node: uniform(kind, entry), view: to });
    },
    nest: (nest) => nests.push(nest),
  };
  return plan;
}

/** The same number everywhere. */
const uniform = (kind: Kind, entry: number): Node => ({
  kind,
  operands: [],
  name: Object.is(entry, -0) ? '-0' : String(entry),
  make: ({ lanes, integers }) =>
    kind === 'float'
      ? lanes.number(entry)
      : kind === 'int'
        ? integers.number(entry)
        : lanes.bits(entry === 0 ? 0n : -1n),
});
