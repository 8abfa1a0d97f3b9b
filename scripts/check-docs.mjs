// The documentation holds: every block of TypeScript, and every file of examples, is a whole program that compiles and runs, and every link leads somewhere.
// ```ts no-run compiles and is not run: what needs a page. `node scripts/check-docs.mjs guide` looks at pages with that in their path.
import { execFile } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { dirname, join, normalize } from 'node:path';
import process from 'node:process';
import { promisify } from 'node:util';
import { anchorsOf, blocksOf, linksOf, pages } from './markdown.mjs';
import { root } from './packed-project.mjs';

const [wanted = ''] = process.argv.slice(2);
const all = pages();
const chosen = all.filter(({ path }) => path.includes(wanted));
const folder = join(root, 'tmp', 'docs');
const problems = chosen.flatMap(brokenLinks);
const examples = readdirSync(join(root, 'examples'))
  .filter((name) => name.endsWith('.ts') && join('examples', name).includes(wanted))
  .map((name) => join('examples', name))
  .map((path) => ({ path, line: 0, mark: '', code: readFileSync(join(root, path), 'utf8') }));
const blocks = [...chosen.flatMap(blocksOf), ...examples].map((block) => ({
  ...block,
  name: `${block.path.replaceAll(/[^\w]+/g, '-')}-${block.line}`,
}));
problems.push(...(await compile()));
if (problems.length === 0) problems.push(...(await runAll()));
for (const problem of problems) console.error(problem);
if (problems.length > 0) process.exit(1);
rmSync(folder, { recursive: true, force: true });
console.log(`${chosen.length} pages, ${blocks.length} programs`);

function brokenLinks(page) {
  return linksOf(page).flatMap((target) => {
    if (/^[a-z]+:/.test(target)) return [];
    const [path, anchor] = target.split('#');
    const file = path === '' ? page.path : normalize(join(dirname(page.path), path));
    if (!existsSync(join(root, file))) return [`${page.path}: the link ${target} leads nowhere`];
    const there = all.find((other) => [file, join(file, 'README.md')].includes(other.path));
    if (!anchor || !there || anchorsOf(there).includes(anchor)) return [];
    return [`${page.path}: ${there.path} has no heading #${anchor}`];
  });
}

/** One program of TypeScript for all; an error is told with its page and line. */
async function compile() {
  rmSync(folder, { recursive: true, force: true });
  mkdirSync(folder, { recursive: true });
  for (const { name, code } of blocks) writeFileSync(join(folder, `${name}.ts`), `${code}\nexport {};\n`);
  const options = {
    extends: '../../tsconfig.base.json',
    compilerOptions: {
      ...{ types: ['node'], composite: false, incremental: false, tsBuildInfoFile: null },
      ...{ isolatedDeclarations: false, declaration: false, declarationMap: false, sourceMap: false },
      ...{ rootDir: '.', outDir: 'out', noEmitOnError: false, allowSyntheticDefaultImports: true },
    },
    include: ['*.ts'],
  };
  writeFileSync(join(folder, 'tsconfig.json'), JSON.stringify(options));
  const { code, stdout } = await command(join(root, 'node_modules', 'typescript', 'bin', 'tsc'), [
    '-p',
    folder,
  ]);
  if (code === 0) return [];
  return stdout.split('\n').map((line) => {
    const [, name, at, message] = /([^/\\]+)\.ts\((\d+),\d+\): (.*)$/.exec(line) ?? [];
    const block = blocks.find((candidate) => candidate.name === name);
    return block ? `${block.path}:${block.line + Number(at)}: ${message}` : line;
  });
}

async function runAll() {
  const waiting = blocks.filter(({ mark }) => mark !== 'no-run');
  const failures = [];
  const work = async () => {
    for (let block = waiting.shift(); block; block = waiting.shift()) {
      const { code, stdout, stderr } = await command(join(folder, 'out', `${block.name}.js`), []);
      if (code !== 0) failures.push(`${block.path}:${block.line} fails:\n${stdout}${stderr}`);
    }
  };
  await Promise.all(Array.from({ length: Math.min(4, availableParallelism()) }, work));
  return failures;
}

async function command(script, args) {
  try {
    const { stdout, stderr } = await promisify(execFile)(process.execPath, [script, ...args], {
      cwd: folder,
      timeout: 120_000,
      maxBuffer: 2 ** 26,
    });
    return { code: 0, stdout, stderr };
  } catch ({ code, stdout, stderr }) {
    return { code: code ?? 1, stdout, stderr };
  }
}
