// Pages in a browser: a server for their files, and what they come to.
import { existsSync, readFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { extname, join } from 'node:path';
import { clearTimeout, setTimeout } from 'node:timers';
import { URL } from 'node:url';

/** How long a page may take, in milliseconds. */
const LIMIT = 120_000;

const types = { '.js': 'text/javascript', '.wasm': 'application/wasm' };

/** Serves the files of some folders, and `/name.html`, a page with nothing but the script `name.js`. */
export async function serve(folders) {
  const server = createServer(({ url }, response) => {
    const path = new URL(url, 'http://localhost').pathname;
    const file = folders.map((folder) => join(folder, path)).find((found) => existsSync(found));
    if (extname(path) === '.html') {
      const script = path.replace(/html$/, 'js');
      response.writeHead(200, { 'content-type': 'text/html' });
      response.end(
        `<!doctype html><link rel="icon" href="data:,"><body><script type="module" src="${script}"></script>`,
      );
    } else if (file) {
      response.writeHead(200, { 'content-type': types[extname(path)] ?? 'application/octet-stream' });
      response.end(readFileSync(file));
    } else {
      response.writeHead(404).end();
    }
  });
  await new Promise((resolve) => {
    server.listen(0, '127.0.0.1', resolve);
  });
  return { server, address: `http://127.0.0.1:${server.address().port}` };
}

/** What a page leaves in `globalThis.results`; where it fails, an error with all that it printed. */
export async function resultsOf(browser, url) {
  const page = await browser.newPage();
  const printed = [];
  page.on('console', (message) => printed.push(`${message.type()}: ${message.text()}`));
  let fail;
  const failure = new Promise((_resolve, reject) => {
    fail = reject;
  });
  page.on('pageerror', fail);
  const timer = setTimeout(() => fail(new Error(`not done after ${LIMIT / 1000} s`)), LIMIT);
  try {
    await Promise.race([failure, page.goto(url, { timeout: LIMIT })]);
    const results = await Promise.race([failure, page.evaluate(() => globalThis.results)]);
    if (!results) throw new Error('it ended without results');
    return results;
  } catch (error) {
    throw new Error([error.stack ?? error, 'The page printed:', ...printed].join('\n'), { cause: error });
  } finally {
    clearTimeout(timer);
    await page.close();
  }
}
