import { util } from '@tensorflow/tfjs-core';
import type { Attributes, Instruction } from '@odegrad/trace';

import type { View } from '../nests/view.ts';
import type { Phase, Plan } from './plan.ts';

/** A kernel call that is being lowered. */
export interface Call {
  readonly plan: Plan;
  readonly kernel: string;
  readonly attrs: Attributes;
  readonly operands: readonly number[];
  readonly outputs: readonly number[];
  /** The first of each. */
  readonly x: number;
  readonly output: number;
  readonly phase: Phase;
  operand(name: string): number;
}

/** Adds what a kernel computes to the plan. */
export type Lowering = (call: Call) => void;
export type LoweringTable = Readonly<Record<string, Lowering>>;

export function callOf(plan: Plan, { kernel, attrs, inputs, outputs }: Instruction): Call {
  const operands = inputs.map(({ value }) => value);
  const output = outputs[0]!;
  return {
    ...{ plan, kernel, attrs, operands, outputs, output },
    x: operands[0]!,
    phase: plan.phase(output),
    operand: (name) => inputs.find((input) => input.name === name)!.value,
  };
}

/** The axes that an attribute names, each from 0 on. */
export const axesOf = (named: unknown, rank: number): number[] =>
  util.parseAxisParam(named as number | number[], new Array<number>(rank).fill(1));

/** Makes a value of one in memory: another view of it. */
export function alias({ plan, phase }: Call, output: number, x: number, view: View): void {
  plan.filled(output, view, plan.ready(x, phase) - 1);
}
