import { spawnSync } from 'node:child_process';
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import process from 'node:process';
import { fileURLToPath } from 'node:url';
import { ModuleKind, ScriptTarget, transpileModule } from 'typescript';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

const root = fileURLToPath(new URL('../../..', import.meta.url));

let page: string;
/** In the repository, where the packages are found. */
let folder: string;
beforeAll(async () => {
  page = await readFile(join(root, 'docs/guide/side-by-side.md'), 'utf8');
  await mkdir(join(root, 'tmp'), { recursive: true });
  folder = await mkdtemp(join(root, 'tmp', 'side-by-side-'));
});
afterAll(async () => {
  await rm(folder, { recursive: true });
});

/** Evaluations forward and backward, and VJPs, of a row of the page's table. */
function counts(row: string): string {
  const cells = row.split('|').map((cell) => cell.trim());
  return cells.slice(3, 6).join(' ');
}

describe('the programs beside those of torchdiffeq and diffrax', () => {
  it.each(['latent ODE', 'neural CDE', 'bouncing ball'])('take what the page says: %s', async (name) => {
    const rows = page
      .slice(page.indexOf(`| ${name} `))
      .split('\n')
      .slice(0, 4);
    const [symplectic, backprop] = rows.filter((row) => row.includes('| here')).map(counts);
    const heading = page.toLowerCase().indexOf(`## a ${name.toLowerCase()}`);
    const [, source] = /```ts\n([^]*?)```/.exec(page.slice(heading))!;
    for (const [gradient, wanted] of Object.entries({ symplectic, backprop })) {
      const options = { module: ModuleKind.ESNext, target: ScriptTarget.ES2022 };
      const text = source!.replace('rtol: 1e-4', `rtol: 1e-4, gradient: '${gradient}'`);
      const file = join(folder, `${name.replace(' ', '-')}-${gradient}.mjs`);
      await writeFile(file, transpileModule(text, { compilerOptions: options }).outputText);
      const { stdout } = spawnSync(process.execPath, [file], { encoding: 'utf8' });
      expect([gradient, stdout.trim().split('\n').at(-1)]).toEqual([gradient, wanted]);
    }
  });
});
