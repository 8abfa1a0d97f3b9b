import type { Attributes, FloatType, Instruction, Program } from '@odegrad/trace';

import { callOf, type Call, type LoweringTable } from './call.ts';
import { converted, elementwise } from './elementwise.ts';
import { createPlan, type Plan } from './plan.ts';
import type { Rows } from './rows.ts';
import { products } from './products.ts';
import { reductions } from './reductions.ts';
import { shapes } from './shapes.ts';
import { accumulate } from './accumulate.ts';
import { UnsupportedError } from './unsupported.ts';
import type { View } from '../nests/view.ts';

const table: LoweringTable = { ...shapes, ...reductions, ...products };

/** A program as loops, and where its inputs, constants and outputs are. */
export interface Lowered {
  readonly plan: Plan;
  readonly inputs: ReadonlyMap<number, View>;
  readonly constants: ReadonlyMap<number, View>;
  readonly outputs: ReadonlyMap<string, { readonly value: number; readonly view: View }>;
}

/**
 * Lowers a program.
 * @throws {UnsupportedError} for a kernel that there is no code for.
 */
export function lower(program: Program, float: FloatType, rows?: Rows): Lowered {
  const plan = createPlan(program, float, rows);
  const isOfRows = (value: number): boolean => rows?.shardings[value] === 'sharded';
  const inputs = new Map<number, View>();
  const constants = new Map<number, View>();
  for (const { name, value } of program.inputs) {
    const view = plan.room(value);
    inputs.set(value, view);
    plan.given(value, view, isOfRows(value) ? 2 : /^[pv]\d/.test(name) ? 0 : 1);
  }
  for (const [value, data] of program.constants) {
    const view = plan.room(value);
    const entry = data.length > 0 && data.every((x) => Object.is(x, data[0])) ? data[0] : undefined;
    constants.set(value, view);
    plan.given(value, view, isOfRows(value) ? 2 : 0, entry);
  }
  for (const instruction of program.instructions) lowerCall(plan, instruction);
  const outputs = new Map<string, { value: number; view: View }>();
  for (const { name, value } of program.outputs) {
    outputs.set(name, { value, view: outputView(plan, value, inputs.has(value) || constants.has(value)) });
  }
  return { plan, inputs, constants, outputs };
}

/** The value in room of its own, its entries in order. */
function outputView(plan: Plan, value: number, isGiven: boolean): View {
  const room = plan.room(value);
  const own = isGiven ? undefined : plan.view(value);
  const isInOrder =
    own && own.buffer.entries === room.buffer.entries && own.strides.join() === room.strides.join();
  if (isInOrder && own.offset === 0) return own;
  plan.copy(value, room, plan.phase(value));
  return room;
}

function lowerCall(plan: Plan, instruction: Instruction): void {
  const { kernel, outputs } = instruction;
  if (outputs.every((output) => plan.shape(output).includes(0))) {
    // Nothing is to be computed.
    for (const output of outputs) plan.filled(output, plan.room(output), -1);
    return;
  }
  const sum = plan.sumsOfRows.pending.get(outputs[0]!);
  if (sum) {
    accumulate(plan, outputs[0]!, sum.matrix, sum.level, sum.pairs);
    return;
  }
  const call = callOf(plan, instruction);
  if (Object.hasOwn(table, kernel)) table[kernel]!(call);
  else if (!lowerElementwise(call)) throw new UnsupportedError(kernel);
}

function lowerElementwise({ plan, kernel, attrs, operands, output }: Call): boolean {
  const chosen = elementwise({ kernel, attrs, kinds: operands.map((x) => plan.kind(x)) });
  if (!chosen) return false;
  const wanted = plan.kind(output);
  const { kind, make } = chosen;
  // TensorFlow.js says of some results that they are integers although they are computed as numbers.
  const made: typeof make =
    kind === wanted ? make : (scene, values) => converted(scene, make(scene, values), kind, wanted);
  // Sums of slopes have other terms in each stage: what stages have in common is in loops of its own.
  const isFirst = kernel === 'Combination';
  plan.map(output, operands, {
    kind: wanted,
    name: `${kernel}${settings(attrs)}${wanted}`,
    make: made,
    isFirst,
  });
  return true;
}

/** Attributes as text, of which no two that differ are the same. */
const settings = (attrs: Attributes): string =>
  JSON.stringify(attrs, (_, value: unknown) =>
    typeof value === 'number' && !Number.isInteger(value)
      ? String(value)
      : Object.is(value, -0)
        ? '-0'
        : value,
  );
