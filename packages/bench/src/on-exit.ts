import process from 'node:process';

const SIGNALS = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;

/**
 * Has `cleanUp`, which must be synchronous, run if the process ends before the returned function is called. Of a signal the
 * process then dies as it would have.
 */
export function onExit(cleanUp: () => void): () => void {
  const handlers = SIGNALS.map((signal) => {
    const handler = (): void => {
      leave();
      cleanUp();
      process.kill(process.pid, signal);
    };
    return [signal, handler] as const;
  });
  const leave = (): void => {
    process.off('exit', cleanUp);
    for (const [signal, handler] of handlers) process.off(signal, handler);
  };
  process.on('exit', cleanUp);
  for (const [signal, handler] of handlers) process.on(signal, handler);
  return leave;
}
