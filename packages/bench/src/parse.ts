import { InvalidArgumentError, Option } from 'commander';

/** Readers of option values for commander; what they refuse is reported with the option's name. */

export function wholeNumber(text: string): number {
  const value = Number(text);
  if (!Number.isSafeInteger(value) || value < 1 || text.trim() === '') {
    throw new InvalidArgumentError('Give a whole number from 1 on.');
  }
  return value;
}

export function seedNumber(text: string): number {
  const value = Number(text);
  if (!Number.isSafeInteger(value) || value < 0 || text.trim() === '') {
    throw new InvalidArgumentError('Give a whole number from 0 on.');
  }
  return value;
}

export function positiveNumber(text: string): number {
  const value = Number(text);
  if (!(value > 0 && value < Infinity)) throw new InvalidArgumentError('Give a positive number.');
  return value;
}

function nameList(text: string): readonly string[] {
  const names = text.split(',').map((name) => name.trim());
  if (names.includes('')) throw new InvalidArgumentError('Give names separated by commas.');
  return [...new Set(names)];
}

/** An option that takes names, with its default shown as it would be typed. */
export function listOption(flags: string, description: string, names: readonly string[]): Option {
  return new Option(flags, `${description}, separated by commas`)
    .argParser(nameList)
    .default(names, names.join(','));
}

/** Precision of arrays. */
export type FloatType = 'float32' | 'float64';

/** `--dtype`. */
export function dtypeOption(): Option {
  return new Option('--dtype <type>', 'precision').choices(['float32', 'float64']).default('float32');
}
