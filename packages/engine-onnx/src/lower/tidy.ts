import type { Edge, Graph, OnnxNode } from './graph.ts';

/**
 * Joins what ONNX has one operator for, and drops what the graph does not need: a matrix product and an
 * addition become one `Gemm`, outputs that are nodes' own results need no copy.
 */
export function tidyGraph(graph: Graph): void {
  fuseProducts(graph);
  nameOutputs(graph);
  dropUnused(graph);
}

function uses(graph: Graph): Map<string, OnnxNode[]> {
  const users = new Map<string, OnnxNode[]>();
  for (const node of graph.nodes) {
    for (const input of node.inputs) users.set(input, [...(users.get(input) ?? []), node]);
  }
  return users;
}

/** `a b + c` with c a row, a scalar or a matrix of the product's shape, where the product has no other use. */
function fuseProducts(graph: Graph): void {
  const users = uses(graph);
  const makers = new Map(
    graph.nodes.flatMap((node) => node.outputs.map((output) => [output, node] as const)),
  );
  const gone = new Set<OnnxNode>();
  for (const [i, node] of graph.nodes.entries()) {
    if (node.op !== 'Add') continue;
    for (const [own, other] of [
      [0, 1],
      [1, 0],
    ] as const) {
      const product = makers.get(node.inputs[own]!);
      if (
        !product ||
        gone.has(product) ||
        !isProduct(product, graph) ||
        users.get(product.outputs[0]!)!.length !== 1
      )
        continue;
      const addend = graph.edges.get(node.inputs[other]!)!;
      const result = graph.edges.get(product.outputs[0]!)!;
      if (!adds(addend, result) || !sameExtents(graph.edges.get(node.outputs[0]!)!.shape, result.shape))
        continue;
      // The sum stands where its later operand does: after both are known.
      const fused: OnnxNode = {
        op: 'Gemm',
        domain: '',
        inputs: [...product.inputs, addend.name],
        outputs: node.outputs,
        attributes: product.attributes,
      };
      graph.nodes[i] = fused;
      makers.set(node.outputs[0]!, fused);
      gone.add(product);
      break;
    }
  }
  replaceNodes(
    graph,
    graph.nodes.filter((node) => !gone.has(node)),
  );
}

function isProduct(node: OnnxNode, graph: Graph): boolean {
  const flat =
    node.inputs.length === 2 && node.inputs.every((input) => graph.edges.get(input)!.shape.length === 2);
  const { type } = graph.edges.get(node.outputs[0]!)!;
  return flat && (node.op === 'MatMul' || node.op === 'Gemm') && (type === 'float32' || type === 'float64');
}

function adds(addend: Edge, product: Edge): boolean {
  const { shape } = addend;
  if (shape.length > 2) return false;
  const [rows, columns] = product.shape as [number, number];
  const [r, c] = shape.length === 2 ? (shape as [number, number]) : [1, shape[0] ?? 1];
  return (r === 1 || r === rows) && (c === 1 || c === columns);
}

const sameExtents = (a: readonly number[], b: readonly number[]): boolean =>
  a.length === b.length && a.every((n, i) => n === b[i]);

/** An output's copy goes where its source is a node's result and not an output already. */
function nameOutputs(graph: Graph): void {
  const made = new Set(graph.nodes.filter((node) => node.op !== 'Identity').flatMap((node) => node.outputs));
  const names = new Map<string, string>();
  const outputs = new Set(graph.outputs.map((edge) => edge.name));
  const kept: OnnxNode[] = [];
  for (const node of graph.nodes) {
    const [source, target] = [node.inputs[0]!, node.outputs[0]!];
    if (node.op === 'Identity' && outputs.has(target) && made.has(source) && !names.has(source))
      names.set(source, target);
    else kept.push(node);
  }
  const renamed = (name: string): string => names.get(name) ?? name;
  for (const node of kept) {
    node.inputs = node.inputs.map(renamed);
    node.outputs = node.outputs.map(renamed);
  }
  replaceNodes(graph, kept);
}

function dropUnused(graph: Graph): void {
  const needed = new Set(graph.outputs.map((edge) => edge.name));
  const kept: OnnxNode[] = [];
  for (const node of [...graph.nodes].reverse()) {
    if (!node.outputs.some((output) => needed.has(output))) continue;
    node.inputs.forEach((input) => needed.add(input));
    kept.push(node);
  }
  replaceNodes(graph, kept.reverse());
  graph.initializers.splice(
    0,
    graph.initializers.length,
    ...graph.initializers.filter((edge) => needed.has(edge.name)),
  );
}

function replaceNodes(graph: Graph, nodes: readonly OnnxNode[]): void {
  graph.nodes.splice(0, graph.nodes.length, ...nodes);
}
