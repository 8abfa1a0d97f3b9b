export type Shape = readonly number[];

/** A shape in words, for messages. */
export const inBrackets = (shape: Shape): string => `[${shape.join(', ')}]`;

export const isSameShape = (a: Shape, b: Shape): boolean =>
  a.length === b.length && a.every((extent, i) => extent === b[i]);

/** How many entries a tensor of that shape has. */
export const sizeOf = (shape: Shape): number => shape.reduce((size, extent) => size * extent, 1);
