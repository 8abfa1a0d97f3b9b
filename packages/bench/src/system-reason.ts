import { getSystemErrorMap } from 'node:util';

/** What the operating system says, without the names of its calls: "no space left on device (ENOSPC)". */
export function systemReason(error: unknown): string {
  const { errno, code, message } = error as NodeJS.ErrnoException;
  if (code === 'EPIPE') return 'its reader has closed it (EPIPE)';
  const [, words] = (errno === undefined ? undefined : getSystemErrorMap().get(errno)) ?? [];
  return words ? `${words} (${code!})` : message;
}
