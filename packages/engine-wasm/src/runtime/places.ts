import type { Buffer } from '../nests/view.ts';

/** What is read and written one after the other, and in which phase. */
interface Access {
  readonly phase: number;
  readonly buffers: readonly Buffer[];
}

/** Phase that is gone through again and again: what comes from before it or is read after it lives throughout. */
const REPEATED = 2;
const ALIGNMENT = 64;

/**
 * Places for buffers that are not read after they were used last: those that are never alive together may share bytes. Sets their
 * addresses from 0 on, and gives the bytes that they take.
 */
export function placeBuffers(accesses: readonly Access[], fixed: ReadonlySet<Buffer>): number {
  const uses = new Map<Buffer, { first: number; last: number; phases: Set<number> }>();
  accesses.forEach(({ phase, buffers }, i) => {
    for (const buffer of buffers) {
      if (fixed.has(buffer)) continue;
      const use = uses.get(buffer);
      if (!use) uses.set(buffer, { first: i, last: i, phases: new Set([phase]) });
      else {
        use.last = i;
        use.phases.add(phase);
      }
    }
  });
  const repeated = accesses.flatMap(({ phase }, i) => (phase === REPEATED ? [i] : []));
  const [begin, end] = [repeated[0] ?? 0, repeated.at(-1) ?? 0];
  for (const use of uses.values()) {
    if (!use.phases.has(REPEATED) || use.phases.size === 1) continue;
    use.first = Math.min(use.first, begin);
    use.last = Math.max(use.last, end);
  }
  interface Placed {
    readonly from: number;
    readonly to: number;
    readonly last: number;
  }
  let alive: Placed[] = [];
  let most = 0;
  for (const [buffer, { first, last }] of [...uses].sort(([, a], [, b]) => a.first - b.first)) {
    alive = alive.filter((other) => other.last >= first);
    const bytes = Math.ceil((buffer.entries * buffer.width) / ALIGNMENT) * ALIGNMENT;
    let from = 0;
    for (const other of alive) {
      if (other.from - from >= bytes) break;
      from = Math.max(from, other.to);
    }
    buffer.address = from;
    alive.push({ from, to: from + bytes, last });
    alive.sort((a, b) => a.from - b.from);
    most = Math.max(most, from + bytes);
  }
  for (const buffer of uses.keys()) if (buffer.address < 0) buffer.address = 0;
  return most;
}
