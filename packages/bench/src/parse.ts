import { InvalidArgumentError } from 'commander';

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

export function nameList(text: string): readonly string[] {
  const names = text.split(',').map((name) => name.trim());
  if (names.includes('')) throw new InvalidArgumentError('Give names separated by commas.');
  return [...new Set(names)];
}
