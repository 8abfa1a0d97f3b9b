import {
  clone,
  engine,
  getBackend,
  Reshape,
  scalar,
  Tensor,
  tidy,
  util,
  Variable,
} from '@tensorflow/tfjs-core';
import { callable, check } from '@odegrad/core';
import { internals, replacing, type Internals, type TapeNode } from '../tape/internals.ts';
import { keepAll, ownedSince } from '../tape/ownership.ts';
import { smoothGradients } from './smooth.ts';
import { freeSaved, isolated } from '../tape/tape.ts';

/** A function's values at one point, with the tape that leads to them. */
export interface Recording {
  /** The caller owns them. */
  readonly values: readonly Tensor[];
  /** Bytes that the tape keeps alive and that were not there before. */
  readonly bytes: number;
  /** Variables and tensors from before that were read, arguments included, in the order of their first use. */
  readonly reads: readonly Tensor[];
  /**
   * Cotangents of `xs`, undefined for those that the values do not depend on. May be called again; the
   * caller owns the result.
   */
  pullback(cotangents: readonly Tensor[], xs: readonly Tensor[]): (Tensor | undefined)[];
  /** Frees what the tape saved, not the values. */
  release(): void;
}

/** Runs `f` on a tape of its own, whatever tape there is outside, and keeps that tape. */
export function record(f: () => readonly Tensor[]): Recording {
  check('f', f, callable);
  const target = internals();
  const mark = target.nextTensorId();
  const { values, nodes } = isolated(() => {
    target.state.activeTape = [];
    target.state.gradientDepth = 1;
    const run = (): Tensor[] => smoothGradients(() => tidy(() => keepAll(ownedSince(mark, f()))));
    const values = getBackend() === 'wasm' ? replacing('clone', alias, run) : run();
    return { values, nodes: target.state.activeTape };
  });
  const saved = nodes.map((node) => node.saved);
  const bytes = heldBytes(nodes, mark);
  // The gradient functions have what was saved in their closures. With none of it on the nodes, the end of a
  // pullback frees nothing, and the next one finds everything in its place.
  for (const node of nodes) node.saved = [];
  return {
    values,
    bytes,
    reads: readsIn(nodes, mark),
    pullback: (cotangents, xs) => pullBack(nodes, values, cotangents, xs),
    release() {
      saved.splice(0).forEach(freeSaved);
    },
  };
}

/**
 * What a gradient function keeps of a tensor, on wasm. That backend's Identity copies the data, weights
 * included, at every operation; its Reshape does not.
 */
function alias(x: Tensor): Tensor {
  const y: Tensor = engine().runKernel(Reshape, { x }, { shape: x.shape });
  internals().addTapeNode('alias', { x }, [y], (cotangent) => ({ x: () => clone(cotangent) }), [], {});
  return y;
}

function pullBack(
  nodes: readonly TapeNode[],
  values: readonly Tensor[],
  cotangents: readonly Tensor[],
  xs: readonly Tensor[],
): (Tensor | undefined)[] {
  const target = internals();
  const gradients = target.gradients.bind(target);
  // A gradient function may take gradients itself; TensorFlow.js would end our tape there.
  const nested: Internals['gradients'] = (...args) => isolated(() => gradients(...args));
  const mark = target.nextTensorId();
  return isolated(() =>
    tidy(() => {
      // A tape leads to one tensor. This one stands for all values, and hands each its cotangent.
      const end = scalar(0);
      const fanOut: TapeNode = {
        id: -1,
        kernelName: 'cotangents',
        inputs: Object.fromEntries(values.map((x, i) => [i, x])),
        outputs: [end],
        saved: [],
        // Clones, because adding gradients up disposes of the summands.
        gradient: () => Object.fromEntries(cotangents.map((x, i) => [i, () => clone(x)])),
      };
      const replay = (): Tensor => {
        target.state.activeTape = [...nodes, fanOut];
        return end;
      };
      const { grads } = replacing('gradients', nested, () => gradients(replay, [...xs], end, true));
      const found = ownedSince(
        mark,
        grads.filter((x) => x !== undefined),
      );
      keepAll(found);
      return grads.map((x) => x && found.shift());
    }),
  );
}

function readsIn(nodes: readonly TapeNode[], mark: number): Tensor[] {
  const inputs = nodes.flatMap((node) => Object.values(node.inputs));
  return [...new Set(inputs.filter((x) => x.id < mark || x instanceof Variable))];
}

/** Bytes of the distinct buffers that were saved and that came into being after `mark`. */
function heldBytes(nodes: readonly TapeNode[], mark: number): number {
  const counted = new Set<object>();
  for (const { inputs } of nodes) {
    for (const x of Object.values(inputs)) if (x.id < mark) counted.add(x.dataId);
  }
  let bytes = 0;
  for (const item of nodes.flatMap((node) => node.saved)) {
    if (!(item instanceof Tensor) || counted.has(item.dataId)) continue;
    counted.add(item.dataId);
    bytes += item.size * util.bytesPerElement(item.dtype);
  }
  return bytes;
}
