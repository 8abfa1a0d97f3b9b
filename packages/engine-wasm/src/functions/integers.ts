import type { Code } from '../encode/bytes.ts';
import { vector, type Lanes } from './lanes.ts';

type Unary = (x: Code) => Code;
type Binary = (a: Code, b: Code) => Code;

/**
 * Arithmetic on integers of 32 bits, in lanes as wide as those of the numbers beside them: integers proper beside float32, and
 * doubles, which hold them exactly, beside float64.
 */
export interface Integers {
  readonly number: (x: number) => Code;
  readonly add: Binary;
  readonly sub: Binary;
  readonly mul: Binary;
  readonly min: Binary;
  readonly max: Binary;
  readonly neg: Unary;
  readonly abs: Unary;
  readonly eq: Binary;
  readonly ne: Binary;
  readonly lt: Binary;
  readonly gt: Binary;
  readonly le: Binary;
  readonly ge: Binary;
  readonly toFloat: Unary;
  /** Towards zero; NaN is 0. */
  readonly fromFloat: Unary;
}

export function createIntegers(lanes: Lanes): Integers {
  const { number, select, eq, trunc, keep } = lanes;
  if (lanes.float === 'float64') {
    const fromFloat: Unary = (x) => {
      const kept = keep(x);
      return select(eq(kept, kept), trunc(kept), number(0));
    };
    return { ...lanes, toFloat: (x) => x, fromFloat };
  }
  const unary =
    (opcode: number): Unary =>
    (x) => [...x, ...vector(opcode)];
  const binary =
    (opcode: number): Binary =>
    (a, b) => [...a, ...b, ...vector(opcode)];
  return {
    number: (x) => lanes.bits(BigInt.asUintN(32, BigInt(Math.trunc(x)))),
    add: binary(0xae),
    sub: binary(0xb1),
    mul: binary(0xb5),
    min: binary(0xb6),
    max: binary(0xb8),
    neg: unary(0xa1),
    abs: unary(0xa0),
    eq: binary(0x37),
    ne: binary(0x38),
    lt: binary(0x39),
    gt: binary(0x3b),
    le: binary(0x3d),
    ge: binary(0x3f),
    toFloat: unary(0xfa),
    fromFloat: unary(0xf8),
  };
}
