import cliProgress from 'cli-progress';

/** A progress bar, which shows nothing where the stream is no terminal. */
export function openBar(
  stream: NodeJS.WritableStream,
  format: string,
  total: number,
  figures: object,
): cliProgress.SingleBar {
  const bar = new cliProgress.SingleBar({
    stream,
    format,
    barCompleteChar: '━',
    barIncompleteChar: '─',
    barsize: 24,
    // Work is synchronous, so an interrupt could not bring a hidden cursor back.
    hideCursor: false,
  });
  bar.start(total, 0, figures);
  return bar;
}
