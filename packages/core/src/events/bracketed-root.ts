/** A point and the value there. */
export interface Probe {
  readonly x: number;
  readonly value: number;
}

/**
 * A zero of g between two points where its signs differ: interpolation, truncation and projection (Oliveira and Takahashi, ACM
 * Transactions on Mathematical Software 47, 2021, Algorithm 1, κ₁ = 0.2/(b − a), κ₂ = 2, n₀ = 1). Takes at most one value more than
 * bisection, and far fewer where g is smooth. Gives the point of the smallest |g| that it came by, once the two are `2 ε` apart.
 */
export function bracketedRoot(g: (x: number) => number, from: Probe, to: Probe, epsilon: number): number {
  let [a, b] = [from, to];
  let best = Math.abs(a.value) < Math.abs(b.value) ? a : b;
  const width = b.x - a.x;
  const most = Math.ceil(Math.log2(Math.max(1, width / (2 * epsilon)))) + 1;
  for (let j = 0; b.x - a.x > 2 * epsilon && best.value !== 0; j++) {
    const middle = (a.x + b.x) / 2;
    const slack = epsilon * 2 ** (most - j) - (b.x - a.x) / 2;
    const secant = (b.value * a.x - a.value * b.x) / (b.value - a.value);
    const shift = Math.sign(middle - secant);
    const truncation = (0.2 / width) * (b.x - a.x) ** 2;
    const truncated = truncation <= Math.abs(middle - secant) ? secant + shift * truncation : middle;
    const x = Math.abs(truncated - middle) <= slack ? truncated : middle - shift * slack;
    // Between neighbouring numbers there is none.
    if (!(x > a.x && x < b.x)) break;
    const probe = { x, value: g(x) };
    if (Math.abs(probe.value) < Math.abs(best.value)) best = probe;
    if (Math.sign(probe.value) === Math.sign(a.value)) a = probe;
    else b = probe;
  }
  return best.x;
}
