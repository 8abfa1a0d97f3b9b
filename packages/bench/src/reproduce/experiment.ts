/** What became of a claim of the paper. */
export type Verdict = 'shown' | 'shown in the ledger only' | 'not shown';

/** A claim, and what was found. */
export interface Claim {
  /** The claim in words, with the place where it stands. */
  readonly claim: string;
  readonly verdict: Verdict;
  /** The numbers that the verdict is taken from. */
  readonly evidence: string;
}

/** Rows of text; the first column names them. */
export interface Table {
  readonly title: string;
  /** How to read it. */
  readonly note: string;
  readonly head: readonly string[];
  readonly rows: readonly (readonly string[])[];
}

/** A drawing for the report. */
export interface Figure {
  readonly title: string;
  readonly caption: string;
  readonly svg: string;
  readonly wide: boolean;
}

/** How an experiment is to be run. */
export interface Setting {
  /** Larger sizes, longer trainings; otherwise it takes a minute at most on two cores. */
  readonly full: boolean;
  /** As `--engine` names it. */
  readonly engine: string;
  /** A table of numbers to learn in place of the experiment's own data. */
  readonly data?: string;
  /** Tells how far things are. */
  note(text: string): void;
}

/** What an experiment found. */
export interface Outcome {
  readonly name: string;
  readonly title: string;
  /** What was done, on what. */
  readonly description: string;
  readonly tables: readonly Table[];
  readonly claims: readonly Claim[];
  /** One object for each measurement. */
  readonly records: readonly object[];
  /** Drawn only where a report is asked for. */
  figures(): Promise<readonly Figure[]>;
}

/** An experiment of the paper. */
export interface Experiment {
  readonly name: string;
  readonly summary: string;
  /** Whether it can learn a table. */
  readonly takesData?: true;
  run(setting: Setting): Promise<Outcome>;
}

/** The strategies of the paper's table of methods, by their names here; of the exact ones backprop is the first. */
export const METHODS: readonly string[] = ['backprop', 'recompute', 'checkpoint', 'symplectic', 'adjoint'];

/** What the paper calls them. */
export const PAPER_NAMES: Readonly<Record<string, string>> = {
  backprop: 'backpropagation',
  recompute: 'baseline, one checkpoint',
  checkpoint: 'ACA',
  symplectic: 'symplectic adjoint, proposed',
  adjoint: 'adjoint',
};
