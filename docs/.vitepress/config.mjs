// The site: the pages of the repository as they stand, and the API reference of their docstrings. `npm run docs` builds it.
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { defineConfig } from 'vitepress';
import { repositoryLinks } from './links.mjs';

const root = join(dirname(fileURLToPath(import.meta.url)), '..', '..');

/** The first heading of a page. */
const titleOf = (path) => /^# (.+)$/m.exec(readFileSync(join(root, path), 'utf8'))?.[1] ?? path;

/** The pages of a folder, those named first in that order. */
function pagesIn(folder, first = []) {
  const names = readdirSync(join(root, folder))
    .filter((name) => name.endsWith('.md') && !/^(README|index)\.md$/.test(name))
    .map((name) => name.slice(0, -3));
  const ordered = [...first, ...names.filter((name) => !first.includes(name) && name !== 'faq')];
  if (names.includes('faq')) ordered.push('faq');
  return ordered.map((name) => ({ text: titleOf(`${folder}/${name}.md`), link: `/${folder}/${name}` }));
}

const packages = readdirSync(join(root, 'packages')).filter((name) => name !== 'testkit');
const documented = packages.filter((name) => existsSync(join(root, 'docs', 'api', name)));

export default defineConfig({
  title: 'odegrad',
  description: 'Neural ODEs in TypeScript, with exact gradients and little memory',
  lang: 'en',
  srcDir: root,
  srcExclude: [
    '**/node_modules/**',
    '**/dist/**',
    'tmp/**',
    '.changeset/**',
    '.github/**',
    '**/CHANGELOG.md',
  ],
  outDir: join(root, 'docs', '.vitepress', 'dist'),
  cacheDir: join(root, 'docs', '.vitepress', 'cache'),
  cleanUrls: true,
  rewrites: { 'README.md': 'index.md', ':path(.*)/README.md': ':path/index.md' },
  markdown: { config: (md) => repositoryLinks(md, root) },
  themeConfig: {
    search: { provider: 'local' },
    outline: [2, 3],
    nav: [
      { text: 'Guide', link: '/docs/guide/getting-started' },
      { text: 'API', link: '/docs/api/' },
      { text: 'Design', link: '/ARCHITECTURE' },
    ],
    sidebar: [
      { text: 'Guide', items: pagesIn('docs/guide', ['getting-started', 'choosing', 'saving']) },
      {
        text: 'From another library',
        items: [
          { text: 'torchdiffeq', link: '/packages/engine-tfjs/#from-torchdiffeq' },
          { text: 'diffrax', link: '/packages/engine-tfjs/#from-diffrax' },
        ],
      },
      {
        text: 'Packages',
        collapsed: true,
        items: packages.map((name) => ({ text: name, link: `/packages/${name}/` })),
      },
      {
        text: 'API',
        collapsed: true,
        items: documented.map((name) => ({ text: name, link: `/docs/api/${name}/src` })),
      },
      {
        text: 'Design',
        collapsed: true,
        items: [
          { text: 'Architecture', link: '/ARCHITECTURE' },
          { text: 'Contributing', link: '/CONTRIBUTING' },
          ...pagesIn('docs/decisions'),
        ],
      },
    ],
    socialLinks: [{ icon: 'github', link: 'https://github.com/odegrad/odegrad' }],
  },
});
