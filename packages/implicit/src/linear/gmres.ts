/** What a linear system is to an iteration: products with the matrix, and solves with one that is near it. */
export interface LinearSystem {
  multiply(x: Float64Array): Float64Array;
  /** May work in place. */
  precondition(x: Float64Array): Float64Array;
}

/** How far an iteration goes. */
export interface Goal {
  /** Of the residual, relative to the right side. */
  readonly tolerance: number;
  /** A residual that no longer shrinks is good enough below this, relative to the right side and to all that was subtracted from it. */
  readonly acceptable: number;
  /** Directions that are kept before the iteration starts again from where it is. */
  /** What is known of the norm of the matrix. */
  readonly norm?: number;
  readonly restart: number;
  readonly restarts: number;
}

/** What came of it. */
export interface Iterated {
  /** Undefined where the goal was out of reach. */
  readonly x: Float64Array | undefined;
  /** The most that was held. */
  readonly bytes: number;
}

const norm = (x: Float64Array): number => Math.sqrt(dot(x, x));

function dot(x: Float64Array, y: Float64Array): number {
  let sum = 0;
  for (let i = 0; i < x.length; i++) sum += x[i]! * y[i]!;
  return sum;
}

/** x += factor y. */
function add(x: Float64Array, factor: number, y: Float64Array): void {
  for (let i = 0; i < x.length; i++) x[i]! += factor * y[i]!;
}

/** The restarted GMRES method, preconditioned on the right. Saad & Schultz, SIAM J. Sci. Stat. Comput. 7 (1986), Algorithm 4. */
export function gmres(system: LinearSystem, right: Float64Array, goal: Goal): Iterated {
  const size = norm(right);
  const bytes = (2 * goal.restart + 4) * right.byteLength;
  const x = new Float64Array(right.length);
  /** A norm that the matrix has at least. */
  let largest = goal.norm ?? 0;
  const multiply = (v: Float64Array): Float64Array => {
    const product = system.multiply(v);
    largest = Math.max(largest, norm(product) / (norm(v) || 1));
    return product;
  };
  if (size === 0) return { x, bytes: x.byteLength };
  let residual = right.slice();
  let before = Infinity;
  for (let round = 0; round <= goal.restarts; round++) {
    const left = norm(residual) / size;
    const isStuck = left > before / 2;
    const scale = 1 + (largest * norm(x)) / size;
    if (left <= goal.tolerance || (isStuck && left <= goal.acceptable * scale)) return { x, bytes };
    if (round === goal.restarts || (isStuck && round > 3) || !Number.isFinite(left)) break;
    before = left;
    add(x, 1, correction({ ...system, multiply }, residual, goal.restart, (goal.tolerance * size) / 2));
    residual = right.slice();
    add(residual, -1, multiply(x));
  }
  return { x: undefined, bytes };
}

/** What takes `residual` away, in the span of that many products. */
function correction(
  { multiply, precondition }: LinearSystem,
  residual: Float64Array,
  most: number,
  small: number,
): Float64Array {
  const beta = norm(residual);
  const basis = [residual.map((entry) => entry / beta)];
  const directions: Float64Array[] = [];
  // The upper triangle that rotations leave of the Hessenberg matrix, by columns.
  const columns: number[][] = [];
  const rotations: (readonly [number, number])[] = [];
  const g = [beta];
  for (let k = 0; k < Math.min(most, residual.length); k++) {
    const direction = precondition(basis[k]!.slice());
    directions.push(direction);
    const next = multiply(direction).slice();
    const column: number[] = [];
    // Twice is enough for vectors that are orthogonal to rounding.
    for (let pass = 0; pass < 2; pass++)
      basis.forEach((v, i) => {
        const along = dot(v, next);
        add(next, -along, v);
        column[i] = (column[i] ?? 0) + along;
      });
    const rest = norm(next);
    rotations.forEach(([c, s], i) => {
      [column[i], column[i + 1]] = [c * column[i]! + s * column[i + 1]!, c * column[i + 1]! - s * column[i]!];
    });
    const length = Math.hypot(column[k]!, rest);
    if (length === 0) {
      directions.pop();
      break;
    }
    const [c, s] = [column[k]! / length, rest / length];
    column[k] = length;
    rotations.push([c, s]);
    columns.push(column);
    g.push(-s * g[k]!);
    g[k]! *= c;
    if (Math.abs(g[k + 1]!) <= small || rest <= Number.EPSILON * length) break;
    basis.push(next.map((entry) => entry / rest));
  }
  const weights = new Array<number>(directions.length).fill(0);
  for (let i = weights.length - 1; i >= 0; i--) {
    let sum = g[i]!;
    for (let j = i + 1; j < weights.length; j++) sum -= columns[j]![i]! * weights[j]!;
    weights[i] = sum / columns[i]![i]!;
  }
  const total = new Float64Array(residual.length);
  directions.forEach((direction, i) => {
    add(total, weights[i]!, direction);
  });
  return total;
}
