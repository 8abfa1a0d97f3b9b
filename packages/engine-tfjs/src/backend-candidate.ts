/** A backend and the way to it. */
export interface BackendCandidate {
  readonly name: string;
  /** Loads what is needed, and says under which name TensorFlow.js knows it. */
  readonly load: () => Promise<string>;
}
