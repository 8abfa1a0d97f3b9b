// Every number that was chosen by measuring, on two cores, and what was measured.

// Calls of a model

/** Operations of one operator from which on the other cores are worth waking, which costs as much as a small product. */
export const PARALLEL_WORK = 2e6;

/**
 * Bytes of values up to which a session keeps the memory of its runs. Fresh memory costs small models a tenth of their time; a
 * large one would keep a multiple of what the ledger counts, and so would each model beside it: five flows in a row took half a
 * gigabyte.
 */
export const ARENA_BYTES: number = 2 ** 23;

/** Bytes of outputs from which on an error costs less than copies of them: a few µs. */
export const UNCOPIED_BYTES: number = 2 ** 14;

/** Entries from which on a sum by a model costs less than a loop: JavaScript's loops use neither vectors nor threads. */
export const SUM_ENTRIES: number = 2 ** 15;

/** Floating-point operations that a pass over memory takes the time of, for each entry. */
export const PASS_WORK = 4;

/** Operations from which on JavaScript's loops take longer for a kernel than ONNX Runtime to load a model of it. */
export const KERNEL_WORK = 2e6;

// Memory

/** Models of single kernels that are kept. */
export const EXACT_MODELS = 64;

/** Bytes of a constant up to which an equal one is looked for. */
export const MERGED_BYTES: number = 2 ** 16;

// Operators

/**
 * Columns of a float32 product from which on a transposed left factor is worth a copy: ONNX Runtime's kernel transposes it
 * once for every 128 of them.
 */
export const COPIED_COLUMNS = 512;

/** Rows whose sum is made by a product, which is faster than ONNX Runtime's sums of rows: the row of ones is a constant of the model. */
export const SUMMED_ROWS: number = 2 ** 13;

/** Entries of a factor from which on the way in which it is read counts: 860 × 860 do by 1 to 3 %, 512 × 512 do not. */
export const PREPACKED_ENTRIES: number = 2 ** 19;

/** Entries of a product from which on a pass over them, to add a row, costs more than two more calls. */
export const BIASED_ENTRIES = 5e4;

/** … where the product has so many times the columns of its left factor, which is copied. */
export const BIASED_RATIO = 4;

// Steps

/** Operations of f above which a step's arithmetic around f no longer counts: every stage is a call. */
export const STEP_WORK = 5e8;

/** … and below which several steps are taken in one call. */
export const SCAN_WORK = 2e5;

/** Bytes of states that such a call takes in or gives out at most, and steps. */
export const SCAN = { bytes: 65_536, steps: 64 } as const;

/** Bytes of a step's activations that do not count beside what a process takes anyway: the step is pulled back in one call. */
export const LIGHT_BYTES: number = 2 ** 22;

// Blocks of rows

/** Operations of f from which on a block is worth a thread of its own. */
export const BLOCK_WORK = 6e6;

/** Operations of one operator from which on threads share it as well as blocks do, without sums of parameters between them. */
export const SHARED_WORK = 5e8;

/** Rows of a block below which it is not worth it whatever they cost. */
export const BLOCK_ROWS = 8;

/** Bytes of states that a call of several steps takes or gives at most, and operations of f in each of their stages. */
export const BLOCK_CALL = { bytes: 4_194_304, work: 1e9 } as const;

/** Looks at a signal before a thread sleeps: between two calls of a solve it had better not. */
export const SPINS = 20_000;
