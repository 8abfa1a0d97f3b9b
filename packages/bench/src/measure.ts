import { readFileSync, writeFileSync } from 'node:fs';
import process from 'node:process';
import { Bench } from 'tinybench';

/** How often a measurement is repeated at least, and for how long at least. */
export interface Repetition {
  readonly runs: number;
  readonly warmup: number;
  /** By default half a second. */
  readonly ms?: number;
}

const MIN_MS = 500;

/** Milliseconds that `work` takes, once. */
export function timed(work: () => void): number {
  const start = performance.now();
  work();
  return performance.now() - start;
}

/**
 * What each turn returns, those of the warm-up left out. Things whose ratio matters are measured in the same turn: what two
 * threads gain changes from second to second where a host moves the virtual processors.
 */
export function byTurns<T>(turn: () => T, { runs, warmup, ms = MIN_MS }: Repetition): T[] {
  for (let i = 0; i < warmup; i++) turn();
  const turns: T[] = [];
  const end = performance.now() + ms;
  while (turns.length < runs || performance.now() < end) turns.push(turn());
  return turns;
}

/** Median of the milliseconds that `work` takes, over at least so many runs and that time. */
export function medianMs(work: () => void, { runs, warmup, ms = MIN_MS }: Repetition): number {
  const bench = new Bench({
    iterations: runs,
    time: ms,
    warmup: warmup > 0,
    warmupIterations: warmup,
    warmupTime: 0,
    throws: true,
  });
  bench.add('work', work);
  const [task] = bench.runSync();
  const { result } = task!;
  if (!('latency' in result)) throw new Error(`The measurement ended as '${result.state}'.`);
  return result.latency.p50;
}

/** Sets the process's mark of its peak memory back to what it has now, where the system can (Linux). */
export function resetPeakMemory(): void {
  try {
    writeFileSync('/proc/self/clear_refs', '5');
  } catch {
    // The peak is then that of the process's life: larger, and said to be a peak all the same.
  }
}

/** The largest resident memory since the mark was set, in MiB. */
export function peakMemoryMb(): number {
  try {
    const found = /^VmHWM:\s+(\d+) kB/m.exec(readFileSync('/proc/self/status', 'utf8'));
    if (found) return Number(found[1]) / 1024;
  } catch {
    // Not Linux.
  }
  return process.resourceUsage().maxRSS / 1024;
}
