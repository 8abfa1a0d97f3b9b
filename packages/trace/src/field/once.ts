import { once } from '@odegrad/core';

/** What is made for each of two flags when it is first asked for, and kept. */
export function onceFor<T>(make: (flag: boolean) => T): (flag: boolean) => T {
  const [no, yes] = [once(() => make(false)), once(() => make(true))];
  return (flag) => (flag ? yes() : no());
}
