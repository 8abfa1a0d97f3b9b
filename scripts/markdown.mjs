// What the documentation is made of: its pages, their blocks of code, their links.
import { readdirSync, readFileSync } from 'node:fs';
import { join, relative } from 'node:path';
import { root } from './packed-project.mjs';

const markdownIn = (folder, recursive) =>
  readdirSync(join(root, folder), { recursive })
    .filter((name) => name.endsWith('.md') && !/(^|[\\/])(node_modules|dist|api|\.vitepress)[\\/]/.test(name))
    .map((name) => join(root, folder, name));

/** Every page, by its path from the root. */
export function pages() {
  const readmes = readdirSync(join(root, 'packages')).map((name) =>
    join(root, 'packages', name, 'README.md'),
  );
  return [
    ...markdownIn('.', false),
    ...markdownIn('docs', true),
    ...markdownIn('examples', false),
    ...readmes,
  ]
    .map((path) => ({ path: relative(root, path), text: readFileSync(path, 'utf8') }))
    .sort((a, b) => (a.path < b.path ? -1 : 1));
}

/** The blocks of TypeScript of a page, with the line that each begins at and what follows `ts`. */
export function blocksOf({ path, text }) {
  return [...text.matchAll(/^```ts([^\n]*)\n([^]*?)^```$/gm)].map(({ 1: mark, 2: code, index }) => ({
    path,
    line: text.slice(0, index).split('\n').length,
    mark: mark.trim(),
    code,
  }));
}

/** Text without its code. */
const prose = (text) => text.replace(/^```[^]*?^```$/gm, '').replace(/`[^`\n]*`/g, 'code');

export function linksOf({ text }) {
  return [...prose(text).matchAll(/\]\(([^)\s]+)\)/g)].map(([, target]) => target);
}

/** The anchors that a page has, as they are made of its headings. */
export function anchorsOf({ text }) {
  return [...text.replace(/^```[^]*?^```$/gm, '').matchAll(/^#+ (.+)$/gm)].map(([, heading]) =>
    heading
      .toLowerCase()
      .replace(/[^\p{L}\p{N}\s_-]/gu, '')
      .trim()
      .replaceAll(/\s/g, '-'),
  );
}
