/** A backend to choose: a package of TensorFlow.js for Node, or a backend that runs in browsers too (webgl there only). */
export type BackendName = 'tfjs-node-gpu' | 'tfjs-node' | 'wasm' | 'webgl' | 'cpu';

/** A backend and the way to it. */
export interface BackendCandidate {
  readonly name: string;
  /** Loads what is needed, and says under which name TensorFlow.js knows it. */
  readonly load: () => Promise<string>;
}

/** The backends that there are to choose from, the fastest first. */
export type BackendCandidates = ReadonlyMap<string, BackendCandidate>;
