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
