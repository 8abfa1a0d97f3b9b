import { ArgumentError } from '../arguments/errors.ts';
import { check, notNegative, numberThat, valueThat, type Rule } from '../arguments/options.ts';
import { ofPart } from '../stepping/error-norm.ts';
import type { AdaptiveStepping } from '../types/stepping.ts';

/** A number, or a list of them by part. */
const byPart =
  (ofOne: Rule): Rule =>
  (value) => {
    if (!Array.isArray(value)) return notNegative(value);
    const wrong = value.findIndex((x) => ofOne(x) !== undefined);
    return wrong < 0
      ? undefined
      : `is a list of numbers ≥ 0, one for each part of y0, but entry ${wrong} ${ofOne(value[wrong])!}`;
  };

/** What tolerances and norms may be. */
export const TOLERANCE_RULES: Readonly<Record<'rtol' | 'atol' | 'norm', Rule>> = {
  rtol: byPart(notNegative),
  // Infinity leaves a part out.
  atol: byPart(numberThat('≥ 0', (x) => x >= 0)),
  norm: valueThat(
    "'rms', 'max' or a function of the scaled errors by part",
    (value) => value === 'rms' || value === 'max' || typeof value === 'function',
  ),
};

/** Refuses tolerances that a state of so many parts cannot be held to. */
export function checkTolerances(
  { rtol, atol }: Pick<AdaptiveStepping, 'rtol' | 'atol'>,
  parts: number,
): void {
  for (const [name, value] of Object.entries({ rtol, atol })) {
    check(name, value, TOLERANCE_RULES[name as 'rtol' | 'atol']);
    if (typeof value !== 'number' && value.length !== parts)
      throw new ArgumentError(
        `\`${name}\` has ${value.length} numbers, but y0 has ${parts} ${parts === 1 ? 'part' : 'parts'}: give one for each, or one ` +
          'number for all.',
      );
  }
  if (rtol === 0 && atol === 0)
    throw new ArgumentError('`rtol` and `atol` are both 0; no step could be accepted.');
  const all = Array.from({ length: parts }, (_, part) => part);
  const exact = all.find((part) => ofPart(rtol, part) === 0 && ofPart(atol, part) === 0);
  if (exact !== undefined)
    throw new ArgumentError(
      `\`rtol\` and \`atol\` are both 0 in part ${exact} of y0 (counted from 0); no step could be accepted.`,
    );
  if (all.every((part) => ofPart(atol, part) === Infinity))
    throw new ArgumentError('`atol` is Infinity in every part, which leaves none to choose steps by.');
}
