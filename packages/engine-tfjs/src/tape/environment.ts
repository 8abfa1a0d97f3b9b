import type { DataId, Tensor } from '@tensorflow/tfjs-core';
import { internals } from './internals.ts';

/** The values that tensors have at a moment, for whoever reads the tensors later. */
export interface Environment {
  /** Runs `body` while each of the tensors has the value that it had, also where it was assigned or disposed of since. */
  within<T>(body: () => T): T;
  /** Lets the values go. May be called again. */
  release(): void;
}

/** What of a tensor says where its values are, and whether they are there. */
interface Handle {
  dataId: DataId;
  isDisposedInternal: boolean;
}

/**
 * The values that tensors and variables have now, what a solve goes by to its end: a tidy may free a captured tensor before
 * the backward pass reads it, and a variable may be assigned. Nothing is copied: data live as long as somebody counts on them.
 */
export function environmentOf(tensors: readonly Tensor[]): Environment {
  const target = internals();
  const handles = tensors.map((x) => x as unknown as Handle);
  const values = handles.map(({ dataId }) => dataId);
  for (const dataId of values) target.state.tensorInfo.get(dataId)?.backend.incRef(dataId);
  const isSame = (): boolean =>
    values.every((dataId, i) => handles[i]!.dataId === dataId && !handles[i]!.isDisposedInternal);
  return {
    within(body) {
      if (isSame()) return body();
      const now = handles.map(({ dataId, isDisposedInternal }) => ({ dataId, isDisposedInternal }));
      values.forEach((dataId, i) => Object.assign(handles[i]!, { dataId, isDisposedInternal: false }));
      try {
        return body();
      } finally {
        handles.forEach((handle, i) => Object.assign(handle, now[i]));
      }
    },
    release() {
      for (const dataId of values.splice(0)) {
        const info = target.state.tensorInfo.get(dataId);
        if (info?.backend.disposeData(dataId)) target.removeDataId(dataId, info.backend);
      }
    },
  };
}
