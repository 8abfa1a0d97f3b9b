// What every package says of itself, so that whoever finds it in a registry finds its source, its documentation and its authors.
import { readdirSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import process from 'node:process';
import { fileURLToPath } from 'node:url';

const packages = join(dirname(fileURLToPath(import.meta.url)), '..', 'packages');
const project = 'https://github.com/odegrad/odegrad';

/** What a manifest must say, for the package in the folder `name`. */
const expected = (name) => ({
  license: 'MIT',
  homepage: `${project}/tree/main/packages/${name}#readme`,
  bugs: `${project}/issues`,
  repository: { type: 'git', url: `git+${project}.git`, directory: `packages/${name}` },
});

const names = readdirSync(packages);
const problems = names.flatMap((name) => {
  const manifest = JSON.parse(readFileSync(join(packages, name, 'package.json'), 'utf8'));
  return Object.entries(expected(name))
    .filter(([field, value]) => JSON.stringify(manifest[field]) !== JSON.stringify(value))
    .map(([field, value]) => `packages/${name}/package.json: "${field}" must be ${JSON.stringify(value)}`);
});
for (const problem of problems) console.error(problem);
if (problems.length > 0) process.exit(1);
console.log(`${names.length} manifests`);
