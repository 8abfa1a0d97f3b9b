import { trainAll } from './train.js';

/** The same in a worker. */
function trainInWorker() {
  const worker = new Worker(new URL('./worker.js', import.meta.url), { type: 'module' });
  return new Promise((resolve, reject) => {
    worker.onmessage = ({ data }) => resolve(data);
    worker.onerror = ({ message, filename, lineno }) =>
      reject(
        new Error(`worker: ${message ? `${message} (${filename}:${lineno})` : 'its script does not load'}`),
      );
  }).finally(() => worker.terminate());
}

async function run() {
  const results = [];
  for (const [where, trained] of [
    ['page', await trainAll()],
    ['worker', await trainInWorker()],
  ])
    results.push(...trained.map((result) => ({ where, ...result })));
  const line = ({ where, backend, engine, losses: [first, ...more] }) =>
    `${where}, ${backend}, engine ${engine}: loss ${first.toFixed(4)} → ${more.at(-1).toFixed(4)}\n`;
  document.body.append(
    Object.assign(document.createElement('pre'), { textContent: results.map(line).join('') }),
  );
  return results;
}

globalThis.results = run();
