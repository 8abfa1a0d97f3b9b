// Bundles of the packed packages train in Chromium: the README's program, and examples/browser on each engine, in a page and in a
// worker. Without a Chromium on this machine nothing is checked, and it says so.
import { cpSync, existsSync, mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { delimiter, extname, join } from 'node:path';
import process from 'node:process';
import { chromium } from 'playwright-core';
import ts from 'typescript';
import { bundlers } from './bundlers.mjs';
import { inPackedProject, root } from './packed-project.mjs';
import { resultsOf, serve } from './pages.mjs';

const executable = [
  ...(process.env.PATH ?? '')
    .split(delimiter)
    .flatMap((folder) => ['chromium', 'chromium-browser', 'google-chrome'].map((name) => join(folder, name))),
  '/Applications/Google Chrome.app/Contents/MacOS/Google Chrome',
].find((path) => existsSync(path));

if (executable) {
  await inPackedProject(
    [
      ...['odegrad', 'core', 'engine-tfjs', 'trace', 'engine-replay', 'engine-wasm', 'tableaux'],
      ...['grad-symplectic', 'grad-backprop', 'grad-checkpoint', 'grad-adjoint', 'tangents'],
    ],
    ['@tensorflow/tfjs', '@tensorflow/tfjs-backend-wasm', 'simple-ascii-chart'],
    check,
  );
} else {
  console.log('Skipped: no chromium in the PATH. Debian has it: apt-get install chromium.');
}

async function check(project) {
  const entries = writePrograms(project);
  // Without WebGL, which software would do here, slowly: TensorFlow.js then takes its own processor backend.
  const browser = await chromium.launch({
    executablePath: executable,
    args: ['--disable-gpu', '--disable-software-rasterizer'],
  });
  try {
    for (const [name, bundle] of Object.entries(bundlers)) {
      const out = join(project, `out-${name}`);
      const start = performance.now();
      await told(name, () => bundle(project, entries, out));
      const seconds = ((performance.now() - start) / 1000).toFixed(1);
      const { server, address } = await serve([out, join(project, 'examples')]);
      try {
        const [readme] = await told(`${name}, README`, () => resultsOf(browser, `${address}/readme.html`));
        const trained = await told(`${name}, examples/browser`, () =>
          resultsOf(browser, `${address}/main.html`),
        );
        checkReadme(name, readme);
        checkTrained(name, trained);
        console.log(
          `${name} (${seconds} s): README on ${readme.backend}; ` +
            trained.map(({ where, backend, engine }) => `${where} ${backend} ${engine}`).join(', '),
        );
      } finally {
        server.close();
      }
    }
  } finally {
    await browser.close();
  }
}

/**
 * Writes what is bundled. The README's program is at the top, where wasm is not installed; examples/browser has wasm in a
 * node_modules of its own.
 */
function writePrograms(project) {
  const [, program] = /```ts\n([^]*?)```/.exec(readFileSync(join(root, 'README.md'), 'utf8'));
  const options = { target: ts.ScriptTarget.ES2022, module: ts.ModuleKind.ESNext };
  const { outputText } = ts.transpileModule(program, { compilerOptions: options });
  writeFileSync(
    join(project, 'readme.js'),
    `${outputText}\nglobalThis.results = [{ backend: tf.getBackend(), learned: [...A.dataSync()] }];\n`,
  );
  cpSync(join(root, 'examples/browser'), join(project, 'examples'), { recursive: true });
  const wasm = 'node_modules/@tensorflow/tfjs-backend-wasm';
  mkdirSync(join(project, 'examples/node_modules/@tensorflow'), { recursive: true });
  renameSync(join(project, wasm), join(project, 'examples', wasm));
  cpSync(join(project, 'examples', wasm, 'dist'), join(project, 'examples/wasm'), {
    recursive: true,
    filter: (path) => extname(path) === '.wasm' || !extname(path),
  });
  return { readme: join(project, 'readme.js'), main: join(project, 'examples/main.js') };
}

async function told(what, action) {
  try {
    return await action();
  } catch (error) {
    throw new Error(`${what}: ${error.message}`, { cause: error });
  }
}

/** It learns the matrix that made its data. */
function checkReadme(name, { learned }) {
  const wrong = [-0.125, 1, -1, -0.125].some((entry, i) => !(Math.abs(learned[i] - entry) < 0.05));
  if (wrong) throw new Error(`${name}, README: it learned ${learned.join()}`);
}

/** Both places have all engines on both backends; all train alike, and train. */
function checkTrained(name, results) {
  const found = results.map(({ where, backend, engine }) => `${where} ${backend} ${engine}`);
  const expected = ['page', 'worker'].flatMap((where) =>
    ['wasm', 'cpu'].flatMap((backend) =>
      ['tfjs', 'replay', 'wasm'].map((engine) => `${where} ${backend} ${engine}`),
    ),
  );
  if (found.join() !== expected.join())
    throw new Error(`${name}: ${found.join()} instead of ${expected.join()}`);
  const reference = results[0].losses;
  for (const [i, { losses }] of results.entries()) {
    const alike = losses.every((loss, j) => Math.abs(loss - reference[j]) <= 1e-4 * Math.abs(reference[j]));
    if (!alike || !(losses.at(-1) < losses[0] / 2))
      throw new Error(`${name}, ${found[i]}: losses ${losses.join()}; the first has ${reference.join()}`);
  }
}
