import { scalar, tidy, type Tensor } from '@tensorflow/tfjs-core';
import { ArgumentError, isFixed, type Method } from '@odegrad/core';
import type { FlatField } from '../eager/field-engine.ts';
import { smoothGradients } from '../eager/smooth.ts';
import { isolated } from '../tape/tape.ts';

/** Unit roundoff of float32. */
const FLOAT32 = 2 ** -24;

/** Times that are this far apart and still the same were hardly meant to be. */
const COARSE = 1 / 8;

const RELATIVE = 'Give times relative to the start, and write f for those';
const DOUBLES = "solve in doubles, with y0 as a Float64Array and engine: 'onnx'";

/** How far apart neighbouring numbers of that precision are near t. */
const spacingAt = (t: number, roundoff: number): number =>
  t === 0 ? 0 : 2 * roundoff * 2 ** Math.floor(Math.log2(Math.abs(t)));

/** Whether an eighth of a step or more is lost where its times are rounded to that precision. */
const isLost = (h: number, t: number, roundoff: number): boolean => Math.abs(h) < 4 * spacingAt(t, roundoff);

const said = new Set<string>();

function warnOnce(about: string, message: string): void {
  if (said.has(about)) return;
  said.add(about);
  console.warn(`odegrad: ${message}`);
}

/**
 * Looks at output times that were given in float32, as a tensor or a Float32Array.
 * @throws {ArgumentError} where float32 has made neighbours the same.
 */
export function checkRoundedTimes(ts: readonly number[]): void {
  for (let i = 1; i < ts.length; i++) {
    const [t0, t1] = [ts[i - 1]!, ts[i]!];
    if (!Number.isFinite(t1)) return;
    const spacing = spacingAt(t1, FLOAT32);
    const why = `\`ts\` is in float32, where times near ${t1} are ${spacing} apart`;
    if (t0 === t1 && spacing >= COARSE) {
      throw new ArgumentError(
        `\`ts[${i - 1}]\` and \`ts[${i}]\` are both ${t1}: ${why}, so other times may have become the same. Give them as an ` +
          'array of numbers, or relative to the start.',
      );
    }
    if (t0 !== t1 && isLost(t1 - t0, t1, FLOAT32)) {
      warnOnce(
        'ts',
        `${why}, and ts[${i}] − ts[${i - 1}] = ${t1 - t0} may have been another number. Give times as an array of numbers, or ` +
          'relative to the start.',
      );
    }
  }
}

/** A solve of which the times are looked at. */
export interface TimedSolve {
  readonly ts: readonly number[];
  readonly method: Method;
  readonly engine: { readonly name: string; readonly roundoff: number };
  /** Whether f depends on t; asked once, and only where it matters. */
  readonly readsTime: () => boolean;
}

/**
 * The method, with an eye on steps that are too small for the precision in which f gets the time: it would see the same time
 * at their start and their end. Says so once for each engine, where f depends on the time at all.
 *
 * @throws {ArgumentError} where f cannot tell one output time from the next.
 */
export function watchTimes({ ts, method, engine: { name, roundoff }, readsTime }: TimedSolve): Method {
  let reads: boolean | undefined;
  const matters = (): boolean => (reads ??= readsTime());
  const inPrecision = (t: number): number => (roundoff === FLOAT32 ? Math.fround(t) : t);
  const precision = roundoff === FLOAT32 ? 'float32' : 'doubles';
  const where = (t: number): string =>
    `Engine '${name}' gives f the time in ${precision}, where numbers near ${t} are ${spacingAt(t, roundoff)} apart`;
  const remedy = roundoff === FLOAT32 ? `${RELATIVE}; or ${DOUBLES}.` : `${RELATIVE}.`;
  const look = (t: number, h: number): void => {
    if (!isLost(h, t, roundoff) || said.has(`step ${name}`) || !matters()) return;
    warnOnce(
      `step ${name}`,
      `${where(t)}: a step of h = ${Math.abs(h)} at t = ${t} is lost in that, and with it how f depends on t. ${remedy}`,
    );
  };
  const { stepping, onStep } = method;
  for (let i = 1; i < ts.length; i++) {
    const [ta, tb] = [ts[i - 1]!, ts[i]!];
    if (ta !== tb && inPrecision(ta) === inPrecision(tb) && matters()) {
      throw new ArgumentError(
        `${where(tb)}: to f, ts[${i - 1}] = ${ta} and ts[${i}] = ${tb} are the same time, and it depends on t. ${remedy}`,
      );
    }
    if (!isFixed(stepping)) continue;
    const h = 'numSteps' in stepping ? (tb - ta) / stepping.numSteps : stepping.stepSize;
    if (ta !== tb) look(Number.isFinite(tb) ? tb : ta, h);
  }
  // Without an end, times outgrow any size of steps.
  if (isFixed(stepping) && Number.isFinite(ts.at(-1))) return method;
  return {
    ...method,
    onStep(progress) {
      if (progress.phase === 'forward') look(progress.t, progress.h);
      onStep?.(progress);
    },
  };
}

/** Whether f asks for what is in t, at a point: runs it once, eagerly. */
export function readsTime(f: FlatField, t: number, y: readonly Tensor[]): boolean {
  let read = false;
  isolated(() =>
    smoothGradients(() =>
      tidy(() => {
        const time = scalar(t);
        const { dataId } = time;
        let asked = false;
        Object.defineProperty(time, 'dataId', {
          get() {
            asked = true;
            return dataId;
          },
        });
        f(time, y);
        read = asked;
      }),
    ),
  );
  return read;
}
