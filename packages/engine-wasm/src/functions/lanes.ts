import type { FloatType } from '@odegrad/trace';

import { unsigned, type Code } from '../encode/bytes.ts';
import { call, get, set, type Emitter } from '../encode/emitter.ts';

type Unary = (x: Code) => Code;
type Binary = (a: Code, b: Code) => Code;

/**
 * Arithmetic on vectors of floating-point numbers, as code: four of float32 or two of float64. Comparisons give masks, whose lanes
 * have all bits set or none. Code that is used more than once is to be kept.
 */
export interface Lanes {
  readonly float: FloatType;
  /** Numbers in a vector. */
  readonly count: number;
  /** Bytes of a number. */
  readonly width: number;
  readonly keep: (x: Code) => Code;
  /** The number in every lane, rounded to the precision. */
  readonly number: (x: number) => Code;
  /** These bits in every lane. */
  readonly bits: (x: bigint) => Code;
  readonly add: Binary;
  readonly sub: Binary;
  readonly mul: Binary;
  readonly div: Binary;
  /** The smaller one; NaN where one is NaN. */
  readonly min: Binary;
  readonly max: Binary;
  /** a b + c, rounded once where that is allowed and the processor can. */
  readonly mulAdd: (a: Code, b: Code, c: Code) => Code;
  readonly sqrt: Unary;
  readonly abs: Unary;
  readonly neg: Unary;
  readonly ceil: Unary;
  readonly floor: Unary;
  readonly trunc: Unary;
  /** The nearest integer, the even one of two. */
  readonly nearest: Unary;
  readonly eq: Binary;
  readonly ne: Binary;
  readonly lt: Binary;
  readonly gt: Binary;
  readonly le: Binary;
  readonly ge: Binary;
  readonly and: Binary;
  readonly or: Binary;
  readonly xor: Binary;
  readonly not: Unary;
  /** `a` where the mask is set, else `b`. */
  readonly select: (mask: Code, a: Code, b: Code) => Code;
  /** On the bits of each lane, as integers. */
  readonly addBits: Binary;
  readonly subBits: Binary;
  readonly shiftLeft: (x: Code, by: number) => Code;
  /** With copies of the sign. */
  readonly shiftRight: (x: Code, by: number) => Code;
  /** A function of JavaScript, lane by lane. */
  readonly host: (name: string, operands: readonly Code[]) => Code;
  /** `usual`, or, where any lane of the mask is set, what `otherwise` makes. */
  readonly unless: (mask: Code, usual: Code, otherwise: () => Code) => Code;
  /** Of float32: what `body` makes of each half of the vectors in float64, rounded and joined again. */
  readonly inDoubles: (
    operands: readonly Code[],
    body: (wide: Lanes, halves: readonly Code[]) => readonly Code[],
  ) => readonly Code[];
}

/** What a vector instruction is written as. */
export const vector = (opcode: number): Code => [0xfd, ...unsigned(opcode)];

const opcodes = {
  float32: {
    ...{ add: 0xe4, sub: 0xe5, mul: 0xe6, div: 0xe7, min: 0xe8, max: 0xe9, sqrt: 0xe3, abs: 0xe0, neg: 0xe1 },
    ...{ ceil: 0x67, floor: 0x68, trunc: 0x69, nearest: 0x6a },
    ...{ eq: 0x41, ne: 0x42, lt: 0x43, gt: 0x44, le: 0x45, ge: 0x46 },
    ...{ addBits: 0xae, subBits: 0xb1, shiftLeft: 0xab, shiftRight: 0xac, mulAdd: 0x105 },
    ...{ extract: 0x1f, replace: 0x20, splat: 0x13 },
  },
  float64: {
    ...{ add: 0xf0, sub: 0xf1, mul: 0xf2, div: 0xf3, min: 0xf4, max: 0xf5, sqrt: 0xef, abs: 0xec, neg: 0xed },
    ...{ ceil: 0x74, floor: 0x75, trunc: 0x7a, nearest: 0x94 },
    ...{ eq: 0x47, ne: 0x48, lt: 0x49, gt: 0x4a, le: 0x4b, ge: 0x4c },
    ...{ addBits: 0xce, subBits: 0xd1, shiftLeft: 0xcb, shiftRight: 0xcc, mulAdd: 0x107 },
    ...{ extract: 0x21, replace: 0x22, splat: 0x14 },
  },
} as const;
const [NOT, AND, OR, XOR, SELECT, ANY] = [0x4d, 0x4e, 0x50, 0x51, 0x52, 0x53];

/** Bytes of a vector all lanes of which are one number. */
function splat(float: FloatType, x: number): Code {
  const [bytes, data] = float === 'float64' ? [8, new Float64Array([x])] : [4, new Float32Array([x])];
  const one = Array.from(new Uint8Array(data.buffer));
  return Array.from({ length: 16 / bytes }, () => one).flat();
}

const [PROMOTE, DEMOTE] = [0x5f, 0x5e];
const upperHalf = [...vector(0x0d), ...[8, 9, 10, 11, 12, 13, 14, 15], ...[0, 0, 0, 0, 0, 0, 0, 0]];
const lowerHalves = [...vector(0x0d), ...[0, 1, 2, 3, 4, 5, 6, 7], ...[16, 17, 18, 19, 20, 21, 22, 23]];

/** The arithmetic of a function that is being written; `imported` numbers the functions of the host. */
export function createLanes(
  float: FloatType,
  emitter: Emitter,
  imported: (name: string, operands: number) => number,
  relaxed = false,
): Lanes {
  const { keep, constant } = emitter;
  const codes = opcodes[float];
  const numbers = new Map<number, Code>();
  const width = float === 'float64' ? 8 : 4;
  const unary =
    (opcode: number): Unary =>
    (x) => [...x, ...vector(opcode)];
  const binary =
    (opcode: number): Binary =>
    (a, b) => [...a, ...b, ...vector(opcode)];
  const shift =
    (opcode: number) =>
    (x: Code, by: number): Code => [...x, 0x41, by, ...vector(opcode)];
  return {
    float,
    count: 16 / width,
    width,
    keep,
    number(x) {
      if (Object.is(x, -0)) return constant(splat(float, x));
      let code = numbers.get(x);
      if (!code) numbers.set(x, (code = constant(splat(float, x))));
      return code;
    },
    bits(x) {
      const one = Array.from({ length: width }, (_, i) => Number((x >> BigInt(8 * i)) & 255n));
      return constant(Array.from({ length: 16 / width }, () => one).flat());
    },
    add: binary(codes.add),
    sub: binary(codes.sub),
    mul: binary(codes.mul),
    div: binary(codes.div),
    min: binary(codes.min),
    max: binary(codes.max),
    mulAdd: relaxed
      ? (a, b, c) => [...a, ...b, ...c, ...vector(codes.mulAdd)]
      : (a, b, c) => [...a, ...b, ...vector(codes.mul), ...c, ...vector(codes.add)],
    sqrt: unary(codes.sqrt),
    abs: unary(codes.abs),
    neg: unary(codes.neg),
    ceil: unary(codes.ceil),
    floor: unary(codes.floor),
    trunc: unary(codes.trunc),
    nearest: unary(codes.nearest),
    eq: binary(codes.eq),
    ne: binary(codes.ne),
    lt: binary(codes.lt),
    gt: binary(codes.gt),
    le: binary(codes.le),
    ge: binary(codes.ge),
    and: binary(AND),
    or: binary(OR),
    xor: binary(XOR),
    not: unary(NOT),
    select: (mask, a, b) => [...a, ...b, ...mask, ...vector(SELECT)],
    addBits: binary(codes.addBits),
    subBits: binary(codes.subBits),
    shiftLeft: shift(codes.shiftLeft),
    shiftRight: shift(codes.shiftRight),
    host(name, operands) {
      const index = imported(name, operands.length);
      const kept = operands.map((x) => keep(x));
      const [promote, demote] = float === 'float64' ? [[], []] : [[0xbb], [0xb6]];
      const lane = (x: Code, i: number): Code => [...x, ...vector(codes.extract), i, ...promote];
      const result = (i: number): Code => [...kept.flatMap((x) => lane(x, i)), ...call(index), ...demote];
      let all: Code = [...result(0), ...vector(codes.splat)];
      for (let i = 1; i < 16 / width; i++) all = [...all, ...result(i), ...vector(codes.replace), i];
      return keep(all);
    },
    unless(mask, usual, otherwise) {
      const local = emitter.local('v128');
      emitter.emit(set(local, usual));
      emitter.when([...mask, ...vector(ANY)], () => {
        emitter.emit(set(local, otherwise()));
      });
      return get(local);
    },
    inDoubles(operands, body) {
      const wide = createLanes('float64', emitter, imported, relaxed);
      const kept = operands.map((x) => keep(x));
      const low = body(
        wide,
        kept.map((x) => keep([...x, ...vector(PROMOTE)])),
      );
      const high = body(
        wide,
        kept.map((x) => keep([...x, ...x, ...upperHalf, ...vector(PROMOTE)])),
      );
      return low.map((x, i) =>
        keep([...x, ...vector(DEMOTE), ...high[i]!, ...vector(DEMOTE), ...lowerHalves]),
      );
    },
  };
}
