// `npm run docs`: the API reference from the docstrings, then the site, into docs/.vitepress/dist. No network is needed.
import { spawnSync } from 'node:child_process';
import { readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import process from 'node:process';
import { root } from './packed-project.mjs';

rmSync(join(root, 'docs', 'api'), { recursive: true, force: true });
for (const [script, ...args] of [['typedoc/bin/typedoc'], ['vitepress/bin/vitepress.js', 'build', 'docs']]) {
  const { status } = spawnSync(process.execPath, [join(root, 'node_modules', script), ...args], {
    cwd: root,
    stdio: ['ignore', 'inherit', 'inherit'],
  });
  if (status !== 0) process.exit(1);
}
