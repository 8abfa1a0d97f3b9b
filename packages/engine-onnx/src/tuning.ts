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

/** Bytes of free arrays that are kept at most: what one solve held, the next one wants, and fresh pages cost more than the arithmetic on them. */
export const FREE_BYTES: number = 2 ** 30;

/** … and how many of a kind. */
export const FREE_COUNT: number = 2 ** 14;

/** Solves after which that is looked at: those that follow one another in a gradient are no solves to judge by one by one. */
export const TRIMMED_SOLVES = 16;

/** Bytes of a state beside which an array of its own weighs little: it takes a hundred times a state of two numbers. */
export const SHELF_BYTES = 4096;

/** Bytes of a slab, and states at least. */
export const SLAB = { bytes: 4096, states: 16 } as const;

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
