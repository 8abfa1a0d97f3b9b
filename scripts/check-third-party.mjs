// Installs the packed packages in an empty project, beside a small plugin that somebody else might have written
// (examples/third-party), typechecks it against the published types, and runs it.
import { cpSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import process from 'node:process';
import { inPackedProject, root, run } from './packed-project.mjs';

await inPackedProject(
  ['core', 'engine-tfjs', 'grad-symplectic'],
  ['@tensorflow/tfjs', 'typescript'],
  (project) => {
    const source = readFileSync(join(root, 'examples/third-party/plugin.ts'), 'utf8');
    const lines = source.trimEnd().split('\n').length;
    if (lines > 40)
      throw new Error(`examples/third-party/plugin.ts has ${lines} lines; 40 are promised to be enough.`);
    cpSync(join(root, 'examples/third-party'), project, { recursive: true });
    const options = {
      compilerOptions: {
        strict: true,
        noUncheckedIndexedAccess: true,
        target: 'ES2022',
        module: 'NodeNext',
        lib: ['ES2022', 'DOM'],
        types: [],
        skipLibCheck: true,
        rewriteRelativeImportExtensions: true,
        outDir: 'out',
      },
      files: ['main.ts'],
    };
    writeFileSync(join(project, 'tsconfig.json'), JSON.stringify(options));
    run(process.execPath, [join(project, 'node_modules', 'typescript', 'bin', 'tsc'), '-p', '.'], project);
    process.stdout.write(run(process.execPath, ['out/main.js'], project));
  },
);
