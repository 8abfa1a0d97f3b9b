/** Compilations of one source of which somebody should be told. */
const MANY = 32;

const compiled = new Map<string, number>();

/** Counts a compilation of f; says once of a source that it is compiled over and over, and how that is avoided. */
export function countCompilation(f: object): void {
  if (typeof f !== 'function') return;
  const source = Function.prototype.toString.call(f);
  const count = (compiled.get(source) ?? 0) + 1;
  compiled.set(source, count);
  if (count !== MANY) return;
  console.warn(
    `odegrad: ${MANY} functions of the same source have been compiled, which takes longer than to solve with them. They make ` +
      'other tensors or numbers each time, or their states have other shapes. What changes from call to call belongs into a ' +
      `tf.variable (trainable: false for no gradient) or a tensor made outside f, which every solve reads anew. The source: ${excerpt(source)}`,
  );
}

const excerpt = (source: string): string => (source.length > 200 ? `${source.slice(0, 200)}…` : source);
