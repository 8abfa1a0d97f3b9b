/** What a program has that no code is made for. */
export class UnsupportedError extends Error {
  constructor(kernel: string, what = 'has no WebAssembly') {
    super(`kernel ${kernel} ${what}`);
    this.name = 'UnsupportedError';
  }
}
