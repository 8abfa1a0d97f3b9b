import { randomUUID } from 'node:crypto';
import { rmSync } from 'node:fs';
import { access, chmod, constants, realpath, rename, rm, stat, writeFile } from 'node:fs/promises';
import { dirname, join, resolve } from 'node:path';
import { ArgumentError } from '@odegrad/core';
import { onExit } from './on-exit.ts';
import { systemReason } from './system-reason.ts';

/** A file that is written at once or not at all. */
export interface WholeFile {
  /** @throws if it cannot be written; then what was there before is there still. */
  write(text: string): Promise<void>;
}

/**
 * Names a file to be written later, after work that should not have been for nothing. The text goes into a new file beside
 * it, which then takes its name; a device or a pipe is written to as it is.
 *
 * @throws {ArgumentError} if the file cannot be written as things are.
 */
export async function wholeFile(path: string): Promise<WholeFile> {
  const cannot = (error: unknown): string => `'${path}' cannot be written: ${systemReason(error)}.`;
  let write: WholeFile['write'];
  try {
    write = await writerOf(path);
  } catch (error) {
    throw new ArgumentError(`${cannot(error)} Name a file in a folder that is there and can be written to.`, {
      cause: error,
    });
  }
  return {
    async write(text) {
      try {
        await write(text);
      } catch (error) {
        throw new Error(`${cannot(error)} What was there before is untouched.`, { cause: error });
      }
    },
  };
}

/** Tries what can be tried beforehand. */
async function writerOf(name: string): Promise<WholeFile['write']> {
  const path = resolve(name);
  const found = await stat(path).catch((error: unknown) => {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
    return undefined;
  });
  if (found?.isDirectory() || name.endsWith('/')) throw new Error('it is a folder');
  if (found) await access(path, constants.W_OK);
  // Behind /dev/stdout there may be a file, but whoever opened it would not see it replaced.
  if (found && (!found.isFile() || path.startsWith('/dev/'))) return (text) => writeFile(path, text);
  const file = found ? await realpath(path) : path;
  const beside = join(dirname(file), `.odegrad-${randomUUID()}.tmp`);
  await writeFile(beside, '', { flag: 'wx' });
  await rm(beside);
  return (text) => replace(file, beside, text, found?.mode);
}

async function replace(file: string, beside: string, text: string, mode: number | undefined): Promise<void> {
  const left = onExit(() => {
    rmSync(beside, { force: true });
  });
  try {
    await writeFile(beside, text, { flag: 'wx', flush: true });
    if (mode !== undefined) await chmod(beside, mode);
    await rename(beside, file);
  } catch (error) {
    await rm(beside, { force: true });
    throw error;
  } finally {
    left();
  }
}
