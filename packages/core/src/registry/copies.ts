import type { Kind } from './kinds.ts';

/** What a loaded copy of this package tells the others. */
interface Copy {
  /** Where it was loaded from. */
  readonly place: string;
  /** `kind:name` of all that was ever registered with it. */
  readonly registered: Set<string>;
}

// Copies know of each other through this alone: each has modules, classes and registries of its own.
const COPIES: unique symbol = Symbol.for('@odegrad/core copies') as never;
const shared = globalThis as { [COPIES]?: Copy[] | undefined };
const copies = (shared[COPIES] ??= []);
const own: Copy = { place: placeOfThisModule(), registered: new Set() };
copies.push(own);

/** Bundles may lack `import.meta`; every runtime has stacks. */
function placeOfThisModule(): string {
  const [, place] = /((?:[a-z-]+:\/\/)?\/[^\s()]*?)(?::\d+){1,2}\)?$/m.exec(new Error().stack ?? '') ?? [];
  return place ?? 'an unknown place';
}

export function noteRegistered(kind: Kind, name: string): void {
  own.registered.add(`${kind}:${name}`);
}

/**
 * Where the name was registered with another loaded copy of this package, a sentence that says so; else the empty string.
 */
export function registeredElsewhere(kind: Kind, name: string): string {
  const other = copies.find((copy) => copy !== own && copy.registered.has(`${kind}:${name}`));
  if (!other) return '';
  return (
    `It was registered with another copy of @odegrad/core: ${copies.length} are loaded, this one from ${own.place}, ` +
    `that one from ${other.place}. Leave one of them: \`npm ls @odegrad/core\` shows who asks for which, \`npm dedupe\` ` +
    `often joins them. Or hand the registry of that copy to what looks names up: { registry }.`
  );
}
