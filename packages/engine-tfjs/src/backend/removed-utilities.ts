/**
 * Gives Node's `util` back what Node 23 removed and tfjs-node 4.22 still calls, before that is loaded; its fix was merged, but
 * never released. Does nothing where they are there, and outside of Node.
 */
export function restoreRemovedUtilities(util: Record<string, unknown> | undefined = utilOfNode()): void {
  if (!util) return;
  util['isNullOrUndefined'] ??= (x: unknown): boolean => x === null || x === undefined;
  util['isArray'] ??= Array.isArray;
}

/** Without an import, which bundlers for browsers would follow; there from Node 20.16 and 22.3 on. */
function utilOfNode(): Record<string, unknown> | undefined {
  const { process } = globalThis as {
    process?: { getBuiltinModule?: (name: string) => Record<string, unknown> | undefined };
  };
  return process?.getBuiltinModule?.('node:util');
}
