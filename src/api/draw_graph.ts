/** What a picture of a model shows. */
import { UsageError } from "../base/errors.ts";
import { formatShape } from "../base/tensor.ts";
import type { Graph, Node } from "../graph/graph.ts";
import { findOperator } from "../ops/registry.ts";
import { dotToSvg, type DrawnEdge, type DrawnGraph, type DrawnNode, graphToDot } from "../report/graph_picture.ts";
import type { Inspection } from "./inspect.ts";
import type { Model } from "./model.ts";

const QUANTIZE = "QuantizeLinear";
const DEQUANTIZE = "DequantizeLinear";

/** Operators with weights: in a QDQ model they are in float only where somebody put them there. */
const WEIGHTED = new Set(["Conv", "ConvTranspose", "Gemm", "MatMul"]);

/**
 * The network as its file has it. Of a float model, groups and what would compute in int8; of a QDQ model, what does. Pairs of
 * QuantizeLinear and DequantizeLinear are drawn as thick arrows, so that both pictures have the same shape.
 *
 * ```ts
 * import { drawGraph, inspectModel, loadModel } from "@holdfast/holdfast";
 *
 * const model = await loadModel("model.onnx");
 * const { nodes, edges } = drawGraph(model, inspectModel(model));
 * console.log(nodes.length, edges.length);
 * ```
 */
export function drawGraph(model: Model, inspection: Inspection): DrawnGraph {
  const { graph } = model;
  const isQdq = graph.nodes.some(({ type }) => type === DEQUANTIZE);
  const sources = sourcesOf(graph);
  const drawn = graph.nodes.filter(({ type }) => !isPair(type));
  const place = new Map(drawn.map((node, index) => [node.name, graph.inputs.length + index]));
  const edges: DrawnEdge[] = [];
  const connect = (value: string, to: number): boolean => {
    const source = sources.get(value);
    if (!source) return false;
    const from = typeof source.from === "number" ? source.from : place.get(source.from.name);
    if (from !== undefined) edges.push({ from, to, label: "", isQuantized: source.isQuantized });
    return source.isQuantized;
  };
  const groups = groupsOf(inspection);
  const nodes = drawn.map((node, index): DrawnNode => {
    const reads = node.inputs.map((value) => connect(value, graph.inputs.length + index));
    return {
      title: node.type,
      name: node.name,
      details: detailsOf(node, graph),
      ...(isQdq ? stateInQdq(node, reads, graph.opset) : stateInFloat(node, groups, inspection)),
    };
  });
  const outputs = graph.outputs.map((output, index) => {
    connect(output.name, graph.inputs.length + nodes.length + index);
    return boundary(output);
  });
  return { title: model.name, nodes: [...graph.inputs.map(boundary), ...nodes, ...outputs], edges };
}

/**
 * Writes the picture as `path` asks for: `.svg` or `.dot`. Throws UsageError for other endings.
 *
 * ```ts
 * import { drawGraph, inspectModel, loadModel, pictureOf } from "@holdfast/holdfast";
 *
 * const model = await loadModel("model.onnx");
 * const graph = drawGraph(model, inspectModel(model));
 * await Deno.writeTextFile("model.svg", await pictureOf(graph, "model.svg"));
 * ```
 */
export async function pictureOf(graph: DrawnGraph, path: string): Promise<string> {
  const dot = graphToDot(graph);
  if (/\.(dot|gv)$/i.test(path)) return dot;
  if (/\.svg$/i.test(path)) return await dotToSvg(dot);
  throw new UsageError(`Cannot write picture "${path}": expected a name that ends with .svg or .dot`);
}

/** Where a value comes from: an input of the network by index, or a node that is drawn. */
interface Source {
  readonly from: number | Node;
  readonly isQuantized: boolean;
}

function sourcesOf(graph: Graph): Map<string, Source> {
  const sources = new Map<string, Source>();
  graph.inputs.forEach(({ name }, index) => sources.set(name, { from: index, isQuantized: false }));
  for (const node of graph.nodes) {
    const behind = isPair(node.type) ? sources.get(node.inputs[0] ?? "") : undefined;
    if (isPair(node.type) && !behind) {
      // Weights: nothing is drawn for them, but what reads them reads int8.
      for (const output of node.outputs) sources.set(output, { from: node, isQuantized: true });
      continue;
    }
    const source = behind ? { from: behind.from, isQuantized: true } : { from: node, isQuantized: false };
    for (const output of node.outputs) if (output !== "") sources.set(output, source);
  }
  return sources;
}

function isPair(type: string): boolean {
  return type === QUANTIZE || type === DEQUANTIZE;
}

type State = Pick<DrawnNode, "state" | "group">;

function stateInQdq({ type, domain }: Node, reads: readonly boolean[], opset: number): State {
  const trait = findOperator(type, domain, opset)?.quant.kind ?? "non_quantizable";
  const state = reads[0] && trait !== "non_quantizable" ? "int8" : WEIGHTED.has(type) ? "float" : "neutral";
  return { state, group: undefined };
}

function stateInFloat({ name }: Node, groups: ReadonlyMap<string, number>, { skipped }: Inspection): State {
  const group = groups.get(name);
  if (group !== undefined) return { state: "int8", group: group < 0 ? undefined : group };
  return { state: name in skipped ? "float" : "neutral", group: undefined };
}

/** Node → number of its group; -1 where it is alone in it. */
function groupsOf({ groups = [] }: Inspection): Map<string, number> {
  let shared = 0;
  return new Map(groups.flatMap(({ nodes }) => {
    const number = nodes.length > 1 ? shared++ : -1;
    return nodes.map((node) => [node, number] as const);
  }));
}

function boundary({ name, dtype, shape }: Graph["inputs"][number]): DrawnNode {
  const extents = shape ? formatShape(shape.map((extent) => extent === "" ? "?" : extent)) : "";
  return { title: name, name: "", details: [`${dtype} ${extents}`], state: "boundary", group: undefined };
}

/** Shape of the weights, for operators that have them. */
function detailsOf(node: Node, graph: Graph): string[] {
  if (!WEIGHTED.has(node.type)) return [];
  const producer = graph.nodes.find(({ outputs }) => outputs[0] === node.inputs[1]);
  const weights = graph.initializers.get(producer?.inputs[0] ?? node.inputs[1] ?? "");
  return weights ? [formatShape(weights.shape)] : [];
}
