/** What is made when it is first asked for, and kept. */
export const once = <T>(make: () => T): (() => T) => {
  let made: { readonly value: T } | undefined;
  return () => (made ??= { value: make() }).value;
};

/** The same for each of two flags. */
export const onceFor = <T>(make: (flag: boolean) => T): ((flag: boolean) => T) => {
  const [no, yes] = [once(() => make(false)), once(() => make(true))];
  return (flag) => (flag ? yes() : no());
};
