import {
  chmod,
  lstat,
  mkdir,
  mkdtemp,
  readdir,
  readFile,
  rm,
  stat,
  symlink,
  writeFile,
} from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { ArgumentError } from '@odegrad/core';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { wholeFile } from './whole-file.ts';

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'odegrad-'));
});
afterEach(async () => {
  await rm(folder, { recursive: true });
});

describe('a file written whole', () => {
  it('is not there before, and alone there afterwards', async () => {
    const path = join(folder, 'report.html');
    const file = await wholeFile(path);
    expect(await readdir(folder)).toEqual([]);
    await file.write('first');
    expect(await readFile(path, 'utf8')).toBe('first');
    await file.write('second');
    expect(await readFile(path, 'utf8')).toBe('second');
    expect(await readdir(folder)).toEqual(['report.html']);
  });

  it('takes the place of another with its permissions, behind a link too', async () => {
    const path = join(folder, 'report.html');
    const link = join(folder, 'link.html');
    await writeFile(path, 'old');
    await chmod(path, 0o640);
    await symlink('report.html', link);
    await (await wholeFile(link)).write('new');
    expect(await readFile(path, 'utf8')).toBe('new');
    expect((await stat(path)).mode & 0o777).toBe(0o640);
    expect((await lstat(link)).isSymbolicLink()).toBe(true);
  });

  it.each([
    ['a folder', '', /it is a folder/],
    ['a folder that is not there', 'new/', /it is a folder/],
    ['in a folder that is not there', 'nowhere/report.html', /no such file or directory \(ENOENT\)/],
    ['below a file', 'file/report.html', /not a directory \(ENOTDIR\)/],
    ['of too long a name', 'x'.repeat(300), /name too long \(ENAMETOOLONG\)/],
  ])('is refused beforehand where it is %s', async (_what, name, message) => {
    await writeFile(join(folder, 'file'), '');
    const opened = wholeFile(`${folder}/${name}`);
    await expect(opened).rejects.toThrow(ArgumentError);
    await expect(opened).rejects.toThrow(message);
    expect(await readdir(folder)).toEqual(['file']);
  });

  it.runIf(process.platform === 'linux')(
    'is refused where no file can be made, not even by root',
    async () => {
      await expect(wholeFile('/proc/report.html')).rejects.toThrow(
        /'\/proc\/report\.html' cannot be written/,
      );
      await expect(wholeFile('/proc/version')).rejects.toThrow(ArgumentError);
    },
  );

  it('leaves what was there, and nothing else, where it cannot be written in the end', async () => {
    const path = join(folder, 'report.html');
    const file = await wholeFile(path);
    // A folder of this name, with something in it, is what a file cannot replace.
    await mkdir(path);
    await writeFile(join(path, 'inside'), 'old');
    await expect(file.write('new')).rejects.toThrow(
      /cannot be written: .*What was there before is untouched/,
    );
    expect(await readdir(folder)).toEqual(['report.html']);
    expect(await readFile(join(path, 'inside'), 'utf8')).toBe('old');
  });

  it.runIf(process.platform === 'linux')('writes to a device, and does not replace it', async () => {
    await (await wholeFile('/dev/null')).write('text');
    expect((await stat('/dev/null')).isCharacterDevice()).toBe(true);
    await expect((await wholeFile('/dev/full')).write('text')).rejects.toThrow(
      /no space left on device \(ENOSPC\)/,
    );
  });
});
