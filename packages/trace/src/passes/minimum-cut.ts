/** A flow network whose nodes have capacities; its edges have none. */
export interface Network {
  /** What it costs to cut each node. Nodes are named by their index. */
  readonly capacities: readonly number[];
  /** Edges from node to node. */
  readonly edges: readonly (readonly [from: number, to: number])[];
  /** Nodes that flow enters. */
  readonly sources: Iterable<number>;
  /** Nodes that flow leaves. */
  readonly sinks: Iterable<number>;
}

interface Arc {
  readonly to: number;
  readonly back: number;
  left: number;
}

/**
 * The cheapest set of nodes that every path from a source to a sink crosses; of several, the one nearest to
 * the sinks. Shortest augmenting paths (Edmonds and Karp 1972), on the network with each node split into an
 * entry and an exit.
 */
export function minimumCut({ capacities, edges, sources, sinks }: Network): Set<number> {
  const size = capacities.length;
  const [source, sink] = [2 * size, 2 * size + 1];
  const entry = (node: number): number => 2 * node;
  const exit = (node: number): number => 2 * node + 1;
  const arcs: Arc[][] = Array.from({ length: 2 * size + 2 }, () => []);
  const connect = (from: number, to: number, capacity: number): void => {
    const [there, back] = [arcs[from]!, arcs[to]!];
    there.push({ to, back: back.length, left: capacity });
    back.push({ to: from, back: there.length - 1, left: 0 });
  };
  capacities.forEach((capacity, node) => {
    connect(entry(node), exit(node), capacity);
  });
  for (const [from, to] of edges) connect(exit(from), entry(to), Infinity);
  for (const node of sources) connect(source, entry(node), Infinity);
  for (const node of sinks) connect(exit(node), sink, Infinity);

  for (;;) {
    const path = shortestPath(arcs, source, sink);
    if (!path) break;
    const flow = Math.min(...path.map(({ left }) => left));
    for (const arc of path) {
      arc.left -= flow;
      arcs[arc.to]![arc.back]!.left += flow;
    }
  }

  const reaching = reachingTo(arcs, sink);
  return new Set(
    [...capacities.keys()].filter((node) => !reaching.has(entry(node)) && reaching.has(exit(node))),
  );
}

/** The arcs of a shortest path with capacity left on each. */
function shortestPath(arcs: readonly Arc[][], source: number, sink: number): Arc[] | undefined {
  const arrivals = new Map<number, Arc | undefined>([[source, undefined]]);
  for (const node of arrivals.keys()) {
    if (node === sink) break;
    for (const arc of arcs[node]!) if (arc.left > 0 && !arrivals.has(arc.to)) arrivals.set(arc.to, arc);
  }
  if (!arrivals.has(sink)) return undefined;
  const path: Arc[] = [];
  for (let arc = arrivals.get(sink); arc; arc = arrivals.get(arcs[arc.to]![arc.back]!.to)) path.push(arc);
  return path;
}

/** Every node from which the sink can still be reached. */
function reachingTo(arcs: readonly Arc[][], sink: number): Set<number> {
  const reaching = new Set([sink]);
  for (const node of reaching)
    for (const { to, back } of arcs[node]!) if (arcs[to]![back]!.left > 0) reaching.add(to);
  return reaching;
}
