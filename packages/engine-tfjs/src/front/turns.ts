import { isolated } from '../tape/tape.ts';

/** What comes to its result turn by turn: at once, where `'rest'` is sent. Left in between, it leaves nothing. */
export type Turns<T> = Generator<unknown, T, 'rest' | undefined>;

/** A generator of which each turn runs on no tape, as `isolated` does. What its user does in between stays on the user's. */
export function* offTape<Y, T>(
  turns: Generator<Y, T, 'rest' | undefined>,
): Generator<Y, T, 'rest' | undefined> {
  let sent: 'rest' | undefined;
  try {
    for (;;) {
      const next = isolated(() => turns.next(sent));
      if (next.done) return next.value;
      sent = yield next.value;
    }
  } finally {
    // Nothing, where it has ended.
    isolated(() => turns.return(undefined as never));
  }
}

/** Milliseconds from one pause to the next, unless the user says otherwise. */
export const EVERY = 10;

/** Goes through turns, and lets everything else that waits have its turn every so many milliseconds. */
export async function unhurried<T>(turns: Turns<T>, every: number = EVERY): Promise<T> {
  let since = performance.now();
  for (;;) {
    const next = turns.next();
    if (next.done) return next.value;
    if (performance.now() - since < every) continue;
    await pause();
    since = performance.now();
  }
}

/** Comes back when timers, clicks and frames that wait have been seen to. Browsers make nested timers wait 4 ms, messages not. */
function pause(): Promise<void> {
  return new Promise((resolve) => {
    if (typeof MessageChannel === 'undefined') {
      setTimeout(resolve, 0);
      return;
    }
    const { port1, port2 } = new MessageChannel();
    port1.onmessage = () => {
      port1.close();
      resolve();
    };
    port2.postMessage(undefined);
  });
}
