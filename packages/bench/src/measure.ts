import { readFileSync, writeFileSync } from 'node:fs';
import process from 'node:process';
import { Bench } from 'tinybench';

/** How often a measurement is repeated at least. */
export interface Repetition {
  readonly runs: number;
  readonly warmup: number;
}

const MIN_MS = 500;

/** Median of the milliseconds that `work` takes, over at least so many runs and half a second. */
export function medianMs(work: () => void, { runs, warmup }: Repetition): number {
  const bench = new Bench({
    iterations: runs,
    time: MIN_MS,
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
