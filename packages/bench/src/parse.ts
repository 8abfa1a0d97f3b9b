import { availableParallelism } from 'node:os';
import { suggest } from '@odegrad/core';
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

/** ONNX Runtime's threads wait in a loop: with more of them than processors, each call takes as long as the machine likes. */
export function threadCount(text: string): number {
  const value = wholeNumber(text);
  const most = availableParallelism();
  if (value <= most) return value;
  throw new InvalidArgumentError(
    `Threads beyond the processors would wait for one another. Give a whole number from 1 to ${most}.`,
  );
}

/** Longest time of a timer of Node, in seconds. */
const MOST_SECONDS = Math.floor((2 ** 31 - 1) / 1000);

export function seconds(text: string): number {
  const value = positiveNumber(text);
  if (value <= MOST_SECONDS) return value;
  throw new InvalidArgumentError(`Give seconds, ${MOST_SECONDS} at most.`);
}

/** Reads one name. */
export type ReadName = (text: string) => string;

/** A reader of one of the names that are known for things of a kind. */
export function oneOf(kind: string, known: readonly string[]): ReadName {
  return (text) => {
    if (known.includes(text)) return text;
    throw new InvalidArgumentError(
      `No ${kind} '${text}'.${suggest(text, known)} Allowed choices are ${known.join(', ')}.`,
    );
  };
}

/** An option that takes names, or what `read` makes of them, with its default shown as it would be typed. */
export function listOption(
  flags: string,
  description: string,
  names: readonly (string | number)[],
  read: (name: string) => string | number = (name) => name,
): Option {
  return new Option(flags, `${description}, separated by commas`)
    .argParser((text) => {
      const given = text.split(',').map((name) => name.trim());
      if (given.includes('')) throw new InvalidArgumentError('Give names separated by commas.');
      return [...new Set(given.map(read))];
    })
    .default(names, names.join(','));
}

/** Precision of arrays. */
export type FloatType = 'float32' | 'float64';

/** `--dtype`. */
export function dtypeOption(): Option {
  return new Option('--dtype <type>', 'precision').choices(['float32', 'float64']).default('float32');
}
