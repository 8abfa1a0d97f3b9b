// Links between pages are written for whoever reads the repository. On the site, a folder is its README, and a file that is no page
// is shown where the repository is.
import { existsSync, statSync } from 'node:fs';
import { dirname, join, posix } from 'node:path';

const REPOSITORY = 'https://github.com/odegrad/odegrad/blob/main';

/** A plugin of markdown-it; `root` is the folder of the repository. */
export function repositoryLinks(md, root) {
  md.core.ruler.push('repository-links', ({ tokens, env }) => {
    for (const token of tokens.flatMap(({ children }) => children ?? [])) {
      const href = token.type === 'link_open' && token.attrGet('href');
      if (href && env.relativePath) token.attrSet('href', onSite(href, env.relativePath, root));
    }
  });
}

function onSite(href, from, root) {
  if (/^([a-z]+:|#|\/)/.test(href)) return href;
  const [path, anchor] = href.split('#');
  const target = posix.normalize(posix.join(dirname(from), decodeURI(path)));
  const file = join(root, target);
  if (!existsSync(file)) return href;
  const hash = anchor ? `#${anchor}` : '';
  const page = statSync(file).isDirectory() ? posix.join(target, 'README.md') : target;
  if (page.startsWith('.') || !page.endsWith('.md') || !existsSync(join(root, page)))
    return `${REPOSITORY}/${target}${hash}`;
  return `/${page.replace(/\.md$/, '').replace(/(^|\/)(README|index)$/, '$1')}${hash}`;
}
