import type { ArrayPool, FloatType, HostArray } from '@odegrad/trace';

import type { Session } from './session.ts';

/** An array of this engine. */
export type OnnxArray = HostArray;

/** How models are run for arrays of one precision. */
export interface Runtime {
  readonly float: FloatType;
  readonly pool: ArrayPool;
  readonly providers: readonly string[];
  /** Threads of every model, where the user chose. */
  readonly threads: number | undefined;
  readonly cores: number;
  /** Where sessions are listed, for whoever closes them before they are collected as garbage. */
  readonly opened?: Session[];
}
