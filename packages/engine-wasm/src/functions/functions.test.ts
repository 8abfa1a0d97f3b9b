import type { FloatType } from '@odegrad/trace';
import { describe, expect, test } from 'vitest';

import type { Code } from '../encode/bytes.ts';
import { createEmitter, get, integer, set } from '../encode/emitter.ts';
import { encodeModule, HOST, type ModuleSource } from '../encode/module.ts';
import { erf } from './error-function.ts';
import { decay, exp, expm1, sigmoidOfDecay, tanh } from './exponential.ts';
import { createLanes, type Lanes } from './lanes.ts';
import { log, log1p, softplusOfDecay } from './logarithm.ts';
import { cos, sin } from './trigonometry.ts';

// References have 160 bits: integers that stand for so many 2⁻¹⁶⁰.
const BITS = 160n;
const ONE = 1n << BITS;
const times = (a: bigint, b: bigint): bigint => (a * b) >> BITS;
const over = (a: bigint, b: bigint): bigint => (a << BITS) / b;

/** A double, exactly where it has no bits below 2⁻¹⁶⁰. */
function fixed(x: number): bigint {
  const exponent = x === 0 ? 0 : Math.max(-1022, Math.floor(Math.log2(Math.abs(x)))) - 52;
  const whole = BigInt(x / 2 ** exponent);
  const shift = BigInt(exponent) + BITS;
  return shift >= 0n ? whole << shift : whole >> -shift;
}

/** The nearest double, or as good as. */
function toNumber(x: bigint): number {
  const size = x < 0n ? -x : x;
  const shift = Math.max(0, size.toString(2).length - 62);
  return (Number(x >> BigInt(shift)) / 2 ** 100) * 2 ** (shift - Number(BITS) + 100);
}

function series(first: bigint, next: (term: bigint, n: bigint) => bigint): bigint {
  let [sum, term] = [first, first];
  for (let n = 1n; term !== 0n && term !== -1n; n++) sum += term = next(term, n);
  return sum;
}

/** eˣ, by that of x/2²⁰. */
function bigExp(x: bigint): bigint {
  let y = series(ONE, (term, n) => times(term, x >> 20n) / n);
  for (let i = 0; i < 20; i++) y = times(y, y);
  return y;
}

/** By Newton's steps on eʸ = x. */
function bigLog(x: bigint): bigint {
  let y = fixed(Math.log(toNumber(x)));
  for (let i = 0; i < 4; i++) y += 2n * over(x - bigExp(y), x + bigExp(y));
  return y;
}

const alternating = (x: bigint, first: bigint, from: bigint): bigint =>
  series(first, (term, n) => -times(times(term, x), x) / ((2n * n + from) * (2n * n + from - 1n)));

const ROOT_OF_PI = (177245385090551602729816748334114518279754945612238n << BITS) / 10n ** 50n;

type Reference = (x: bigint) => bigint;
const references: Readonly<
  Record<string, readonly [make: (lanes: Lanes, x: Code) => Code, exact: Reference, limit: number]>
> = {
  exp: [exp, bigExp, 60],
  expm1: [expm1, (x) => bigExp(x) - ONE, 40],
  tanh: [tanh, (x) => over(bigExp(2n * x) - ONE, bigExp(2n * x) + ONE), 20],
  sigmoid: [(lanes, x) => sigmoidOfDecay(lanes, x, decay(lanes, x)), (x) => over(ONE, ONE + bigExp(-x)), 40],
  softplus: [(lanes, x) => softplusOfDecay(lanes, x, decay(lanes, x)), (x) => bigLog(ONE + bigExp(x)), 30],
  log: [log, (x) => bigLog(x < 0n ? -x : x), 1e9],
  log1p: [log1p, (x) => bigLog(ONE + (x < 0n ? -x : x)), 1e9],
  sin: [sin, (x) => alternating(x, x, 1n), 30],
  cos: [cos, (x) => alternating(x, ONE, 0n), 30],
  erf: [
    erf,
    (x) =>
      times(
        over(2n * bigExp(-times(x, x)), ROOT_OF_PI),
        series(x, (term, n) => (2n * times(times(term, x), x)) / (2n * n + 1n)),
      ),
    5,
  ],
};

/** Runs a function on all values. */
function run(
  make: (lanes: Lanes, x: Code) => Code,
  float: FloatType,
  values: readonly number[],
): ArrayLike<number> {
  const emitter = createEmitter();
  const imports: { name: string; parameters: ['f64']; results: ['f64'] }[] = [];
  const imported = (name: string): number => {
    const known = imports.findIndex((one) => one.name === name);
    return known >= 0 ? known : imports.push({ name, parameters: ['f64'], results: ['f64'] }) - 1;
  };
  const lanes = createLanes(float, emitter, imported);
  const pointer = emitter.local('i32');
  const rounds = Math.ceil(values.length / lanes.count);
  emitter.repeat(rounds, () => {
    const x = emitter.keep([...get(pointer), 0xfd, 0, 0, 0]);
    emitter.emit([...get(pointer), ...make(lanes, x), 0xfd, 0x0b, 0, 0]);
    emitter.emit(set(pointer, [...get(pointer), ...integer(16), 0x6a]));
  });
  const source: ModuleSource = {
    imports,
    functions: [emitter.finish()],
    exports: { run: imports.length },
    pages: 1,
  };
  const memory = new WebAssembly.Memory({ initial: 1 + Math.ceil(rounds / 4096) });
  const data = float === 'float64' ? new Float64Array(memory.buffer) : new Float32Array(memory.buffer);
  data.set(values);
  const module = new WebAssembly.Module(encodeModule(source));
  const { exports } = new WebAssembly.Instance(module, { [HOST]: { memory, sin: Math.sin, cos: Math.cos } });
  (exports['run'] as () => void)();
  return data.slice(0, values.length);
}

/** Of all sizes from 2⁻²⁰ to the limit, of both signs, every one a float32. */
function sample(limit: number, count: number): number[] {
  let state = 12345;
  const draw = (): number => (state = (Math.imul(state, 1103515245) + 12345) >>> 0) / 2 ** 32;
  return Array.from({ length: count }, (_, i) => {
    const size = i % 3 === 0 ? Math.min(limit, 8) * draw() : 2 ** (-20 + draw() * (20 + Math.log2(limit)));
    return Math.fround(i % 2 === 0 ? size : -size);
  });
}

describe.each(['float32', 'float64'] as const)('in %s', (float) => {
  const [digits, smallest] = float === 'float32' ? [23, 2 ** -126] : [52, 2 ** -1022];

  test.each(Object.entries(references))(
    '%s is right to 2.5 units in the last place',
    (name, [make, exact, limit]) => {
      const positive = name.startsWith('log');
      const values = sample(limit, 600).map((x) => (positive ? Math.abs(x) : x));
      const found = run(make, float, values);
      values.forEach((x, i) => {
        const wanted = toNumber(exact(fixed(x)));
        const unit = 2 ** (Math.floor(Math.log2(Math.max(Math.abs(wanted), smallest))) - digits);
        expect(Math.abs(found[i]! - wanted) / unit, `${name}(${x})`).toBeLessThanOrEqual(2.5);
      });
    },
  );

  test.each<[string, (x: number) => number]>([
    ['exp', Math.exp],
    ['expm1', Math.expm1],
    ['tanh', Math.tanh],
    ['sigmoid', (x) => (x < 0 ? Math.exp(x) / (1 + Math.exp(x)) : 1 / (1 + Math.exp(-x)))],
    ['softplus', (x) => Math.max(x, 0) + Math.log1p(Math.exp(-Math.abs(x)))],
    ['log', Math.log],
    ['log1p', Math.log1p],
    ['sin', Math.sin],
    ['cos', Math.cos],
  ])('%s is right at its ends, where results are subnormal, and for every exponent', (name, reference) => {
    const [low, high] = float === 'float32' ? [-149, 127] : [-1074, 1023];
    const powers = Array.from({ length: high - low + 1 }, (_, i) => 2 ** (low + i));
    const ends = [
      0, 1, 17, 20, 40, 86, 87.3, 88.7, 89, 95, 103, 105, 700, 708.4, 709.7, 710, 720, 740, 744, 746,
    ];
    const sizes = [...powers, ...powers.map((x) => 1.7 * x).filter((x) => x < 2 ** high), ...ends, Infinity];
    const values = [...sizes.flatMap((x) => [x, -x]), NaN].map((x) =>
      float === 'float32' ? Math.fround(x) : x,
    );
    const found = run(references[name]![0], float, values);
    values.forEach((x, i) => {
      const exact = reference(x);
      const wanted = float === 'float32' ? Math.fround(exact) : exact;
      if (!Number.isFinite(wanted) || wanted === 0) expect(found[i], `${name}(${x})`).toBe(wanted);
      else {
        const unit = 2 ** (Math.floor(Math.log2(Math.max(Math.abs(exact), smallest))) - digits);
        // What JavaScript computes is off by one itself.
        expect(Math.abs(found[i]! - exact) / unit, `${name}(${x})`).toBeLessThanOrEqual(3.5);
      }
    });
  });
});
