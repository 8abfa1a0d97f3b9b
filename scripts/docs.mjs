// `npm run docs`: the API reference from the docstrings, then the site, into docs/.vitepress/dist. No network is needed.
import { spawnSync } from 'node:child_process';
import { readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import process from 'node:process';
import { root } from './packed-project.mjs';

const api = join(root, 'docs', 'api');
rmSync(api, { recursive: true, force: true });
run('typedoc/bin/typedoc');
nameByPackage();
run('vitepress/bin/vitepress.js', 'build', 'docs');

/** TypeDoc calls a package by its folder of sources. */
function nameByPackage() {
  for (const path of readdirSync(api, { recursive: true }).filter((name) => name.endsWith('.md'))) {
    const named = readFileSync(join(api, path), 'utf8')
      .replace(/^# odegrad-workspace$/m, '# API')
      .replace(/^# ([\w-]+)\/src$/m, '# @odegrad/$1')
      .replaceAll(/\[([\w-]+)\/src\]/g, '[@odegrad/$1]');
    writeFileSync(join(api, path), named);
  }
}

function run(script, ...args) {
  const { status } = spawnSync(process.execPath, [join(root, 'node_modules', script), ...args], {
    cwd: root,
    stdio: ['ignore', 'inherit', 'inherit'],
  });
  if (status !== 0) process.exit(1);
}
