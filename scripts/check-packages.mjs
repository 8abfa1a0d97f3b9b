// Every package is well made as it is packed: publint, and attw for its types. One process for all of them, and one npm that packs.
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import process from 'node:process';
import { checkPackage, createPackageFromTarballData } from '@arethetypeswrong/core';
import { publint } from 'publint';
import { formatMessage } from 'publint/utils';
import { pack, root } from './packed-project.mjs';

/** Packages are modules alone: what CommonJS makes of them is not asked. */
const IGNORED = ['node10', 'node16-cjs'];

const packages = readdirSync(join(root, 'packages'))
  .map((name) => ({ name, manifest: readManifest(name) }))
  .filter(({ manifest }) => !manifest.private);
const folder = mkdtempSync(join(tmpdir(), 'odegrad-packages-'));
const problems = [];
try {
  const tarballs = pack(
    packages.map(({ name }) => name),
    folder,
  );
  for (const { name, manifest } of packages) {
    const tarball = readFileSync(join(folder, tarballs[manifest.name]));
    problems.push(...(await lint(name, manifest, tarball)), ...(await types(name, tarball)));
  }
} finally {
  rmSync(folder, { recursive: true, force: true });
}
for (const problem of problems) console.error(problem);
if (problems.length > 0) process.exit(1);
console.log(`${packages.length} packages`);

function readManifest(name) {
  return JSON.parse(readFileSync(join(root, 'packages', name, 'package.json'), 'utf8'));
}

async function lint(name, manifest, { buffer, byteOffset, byteLength }) {
  const { messages } = await publint({
    strict: true,
    pack: { tarball: buffer.slice(byteOffset, byteOffset + byteLength) },
  });
  const errors = messages.filter(({ type }) => type === 'error');
  return errors.map((message) => `${name}: ${formatMessage(message, manifest, { color: false })}`);
}

async function types(name, tarball) {
  const analysis = await checkPackage(createPackageFromTarballData(new Uint8Array(tarball)));
  if (!analysis.types) return [`${name}: it has no types`];
  return analysis.problems
    .filter(({ resolutionKind }) => !IGNORED.includes(resolutionKind))
    .map((problem) => `${name}: ${JSON.stringify(problem)}`);
}
