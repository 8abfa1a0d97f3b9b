import { EngineError } from '@odegrad/core';
import { isolated, smoothGradients, type FieldRequest, type PreparedField } from '@odegrad/engine-tfjs';
import { scalar, tidy } from '@tensorflow/tfjs-core';

import { difference, type Program } from '../ir/program.ts';

/** Relative to the largest entry; rounding stays far below, other values of a hidden state far above. */
const TOLERANCE = 1e-3;

/** Recordings that were found to be their functions. */
const checked = new WeakSet<Program>();

/**
 * Makes sure, before its first solve, that f is what was recorded, by its slope; later recordings are compared with this one,
 * which computes nothing. `slope` gives it at (t0, y0) as recorded; `eagerly` runs f as TensorFlow.js does, or faster. Where f is
 * recorded for doubles and its slopes differ, as they do where t has more digits than float32 holds, `inFloat32` decides.
 * @throws {EngineError} if it is not.
 */
export function checkGuards(
  request: FieldRequest,
  recorded: Program,
  slope: () => readonly ArrayLike<number>[],
  eagerly: <T>(body: () => T) => T = (body) => body(),
  inFloat32?: () => void,
): void {
  if (checked.has(recorded)) return;
  const wrong = differenceOf(
    slope(),
    eagerly(() => evaluateEagerly(request)),
  );
  if (wrong !== undefined && inFloat32) inFloat32();
  else if (wrong !== undefined) throw impure(wrong);
  checked.add(recorded);
}

/** The slope at (t0, y0) as an engine computes it that has prepared f; `entries` copies those of an array. */
export function slopeAtStart<A>(
  { t0, y0 }: FieldRequest,
  { field, fromTensor }: PreparedField<A>,
  entries: (x: A) => ArrayLike<number>,
): readonly ArrayLike<number>[] {
  const state = y0.map(fromTensor);
  const slope = field.evaluate(t0, state);
  const values = slope.map(entries);
  for (const x of [...state, ...slope]) field.engine.release(x);
  return values;
}

/** The slope at (t0, y0). */
function evaluateEagerly({ f, t0, y0 }: FieldRequest): readonly Float32Array[] {
  let slope: Float32Array[] = [];
  isolated(() =>
    smoothGradients(() =>
      tidy(() => {
        slope = f(scalar(t0), y0).map((part) => part.dataSync<'float32'>().slice());
      }),
    ),
  );
  return slope;
}

/** Where the recorded function gave another slope than f did; undefined where it did not. */
function differenceOf(
  recorded: readonly ArrayLike<number>[],
  eager: readonly ArrayLike<number>[],
): string | undefined {
  for (const [part, wanted] of eager.entries()) {
    const found = recorded[part]!;
    let scale = 0;
    for (let i = 0; i < wanted.length; i++) scale = Math.max(scale, Math.abs(wanted[i]!));
    if (!Number.isFinite(scale)) continue;
    for (let i = 0; i < wanted.length; i++) {
      if (Math.abs(wanted[i]! - found[i]!) <= TOLERANCE * scale || Number.isNaN(wanted[i]!)) continue;
      return `part ${part}, entry ${i} of its value at (t0, y0) is ${wanted[i]}, but as recorded ${found[i]}`;
    }
  }
  return undefined;
}

/**
 * That f records twice alike, one time after the other.
 * @throws {EngineError} if it runs other kernels or uses other constants the second time.
 */
export function checkSteady(recorded: Program, now: Program): void {
  // Both are simplified: what dead values a recording had before says nothing about f.
  const changed = difference(recorded, now);
  if (changed) throw impure(changes[changed]);
}

const changes = {
  operations: 'it runs other operations',
  settings: 'its operations have other settings',
  constants: 'a number or tensor that it makes has other values',
};

function impure(what: string): EngineError {
  return new EngineError(
    `f is not the function that was recorded: ${what} each time it runs. Something outside its arguments changes. ` +
      'What may change between solves belongs into a tf.variable (trainable: false for no gradient) or a tensor that f ' +
      "captures, which are read anew by every solve; or run this one with engine: 'tfjs'.",
  );
}
