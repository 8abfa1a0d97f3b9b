import { fileURLToPath } from 'node:url';

import { buildSync } from 'esbuild';

/** The packages that a file imports, itself or by the files of its package that it imports. */
export function importsOf(file: URL): string[] {
  const { metafile } = buildSync({
    entryPoints: [fileURLToPath(file)],
    bundle: true,
    format: 'esm',
    packages: 'external',
    write: false,
    metafile: true,
  });
  const { imports } = Object.values(metafile.outputs)[0]!;
  return [...new Set(imports.map(({ path }) => path))].sort();
}
