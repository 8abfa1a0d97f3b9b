import { trainAll } from './train.js';

trainAll().then(
  (results) => globalThis.postMessage(results),
  // An error that nobody catches reaches the page; one of a promise would not.
  (error) =>
    setTimeout(() => {
      throw error;
    }),
);
