// What each package exports is what its report in docs/reports says: a change of a public type is seen where it is reviewed.
// `npm run api` writes the reports anew, from the built declarations.
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import process from 'node:process';
import ts from 'typescript';
import { root } from './packed-project.mjs';

const update = process.argv.includes('--update');
const folder = join(root, 'docs', 'reports');
const entryOf = (name) => join(root, 'packages', name, 'dist', 'index.d.ts');
const names = readdirSync(join(root, 'packages')).filter(
  (name) => name !== 'testkit' && existsSync(entryOf(name)),
);
const program = ts.createProgram(names.map(entryOf), {
  module: ts.ModuleKind.NodeNext,
  moduleResolution: ts.ModuleResolutionKind.NodeNext,
  target: ts.ScriptTarget.ES2022,
  types: [],
  skipLibCheck: true,
});
const checker = program.getTypeChecker();
const printer = ts.createPrinter({ removeComments: true });

const changed = names.filter((name) => {
  const path = join(folder, `${name}.d.ts.txt`);
  const report = reportOf(name);
  if (existsSync(path) && readFileSync(path, 'utf8') === report) return false;
  if (update) {
    mkdirSync(folder, { recursive: true });
    writeFileSync(path, report);
  }
  return true;
});
if (changed.length > 0 && !update) {
  console.error(
    `What ${changed.join(', ')} export has changed. If it is meant: npm run api, look at what changed in docs/reports, and add a changeset.`,
  );
  process.exit(1);
}
console.log(`${names.length} packages${update ? `, ${changed.length} reports written` : ''}`);

/** Every exported name with its declarations, without comments, by name. */
function reportOf(name) {
  const module = checker.getSymbolAtLocation(program.getSourceFile(entryOf(name)));
  const entries = checker.getExportsOfModule(module).map((symbol) => {
    const target = symbol.flags & ts.SymbolFlags.Alias ? checker.getAliasedSymbol(symbol) : symbol;
    const texts = (target.declarations ?? []).map((node) => declared(node, name));
    return `${symbol.name}\n${[...new Set(texts)].join('\n').replace(/^/gm, '  ')}\n`;
  });
  return `${entries.sort().join('\n')}`;
}

/** A declaration of the package itself; of another's, where it is from. */
function declared(node, name) {
  const file = node.getSourceFile();
  const [, owner] = /packages\/([^/]+)\/dist\//.exec(file.fileName.replaceAll('\\', '/')) ?? [];
  if (owner !== name) return `of ${owner ? `packages/${owner}` : 'elsewhere'}`;
  const whole = ts.isVariableDeclaration(node) ? node.parent.parent : node;
  return printer.printNode(ts.EmitHint.Unspecified, whole, file);
}
