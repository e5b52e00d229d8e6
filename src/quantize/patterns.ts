/**
 * Subgraphs that stay in float although their operators are quantizable: runtimes fuse them into a neighbour, or they are
 * too sensitive (POT's ignored patterns, tools/pot, graph/special_patterns.py and cpu_patterns.py, in ONNX operators).
 *
 * A pattern is tried at every node and returns the nodes to skip: no quantizer on their inputs, none slides over them.
 */
import type { Node } from "../graph/graph.ts";
import { findAttention, findMask } from "./attention_patterns.ts";
import type { GraphView } from "./graph_view.ts";
import { ACTIVATIONS, operandBesideConstant } from "./operands.ts";

/** One family of subgraphs. */
export interface Pattern {
  readonly name: string;
  find(view: GraphView, node: Node): readonly Node[];
}

const WEIGHTED = new Set(["Conv", "ConvTranspose", "MatMul", "Gemm"]);

/** What a gate such as that of swish (x · sigmoid(x)) is spelled with, constants aside. */
const GATE_CORES = new Set(["Sigmoid", "HardSigmoid", "Clip", "Relu", "Softplus", "Tanh", "Erf"]);
const GATE_STEPS = new Set([...GATE_CORES, "Add", "Sub", "Mul", "Div", "Min", "Max"]);

/** All patterns, in no particular order: what they skip adds up. */
export const PATTERNS: readonly Pattern[] = [
  { name: "weights and bias", find: findBias },
  { name: "self gate", find: (view, node) => gateOf(view, node) ?? [] },
  { name: "squeeze and excite", find: findSqueezeExcite },
  { name: "scale and shift", find: findShift },
  { name: "fused into weights", find: findFusedEltwise },
  { name: "input preprocessing", find: findPreprocessing },
  { name: "normalization and scale", find: findNormalizationScale },
  { name: "layer normalization", find: findLayerNormalization },
  { name: "softmax in parts", find: findSoftmaxParts },
  { name: "attention behind softmax", find: findAttention },
  { name: "attention mask", find: findMask },
  { name: "vector of length one", find: findUnitVector },
  { name: "shift, scale and shift to a result", find: findResultScale },
  { name: "clip and scale", find: findClipScale },
  { name: "one-dimensional normalization", find: findFlatNormalization },
  { name: "negated comparison", find: findNegatedComparison },
];

/** Names of all nodes that some pattern skips, with the pattern's name. */
export function findSkipped(view: GraphView): Map<string, string> {
  const skipped = new Map<string, string>();
  for (const node of view.nodes) {
    if (node.domain !== "") continue;
    for (const pattern of PATTERNS) {
      for (const { name } of pattern.find(view, node)) if (!skipped.has(name)) skipped.set(name, pattern.name);
    }
  }
  return skipped;
}

/** MatMul, Conv, … → Add of a constant: the addition is its bias. */
function findBias(view: GraphView, node: Node): Node[] {
  const source = operandBesideConstant(view, node);
  const producer = source === undefined ? undefined : view.producer(source);
  const isBias = node.type === "Add" && producer && isWeighted(view, producer) && view.onlyConsumer(source!) === node;
  return isBias ? [node] : [];
}

/** x · gate(x): swish, hard swish in its spellings, mish; with the factor of hard swish behind it. */
function gateOf(view: GraphView, node: Node): Node[] | undefined {
  if (node.type !== "Mul") return undefined;
  for (const [data, gate] of [[0, 1], [1, 0]] as const) {
    const chain = gateChain(view, node.inputs[gate]!, node.inputs[data]!);
    if (!chain) continue;
    const factor = view.onlyConsumer(node.outputs[0]!);
    return factor && (factor.type === "Div" || factor.type === "Mul") && operandBesideConstant(view, factor)
      ? [...chain, node, factor]
      : [...chain, node];
  }
  return undefined;
}

/** Elementwise nodes with constants between `from` and `gate`, at least one of them an activation. */
function gateChain(view: GraphView, gate: string, from: string): Node[] | undefined {
  const chain: Node[] = [];
  let value = gate;
  while (value !== from) {
    const node = view.producer(value);
    if (!node || !GATE_STEPS.has(node.type) || node.domain !== "" || chain.length === 6) return undefined;
    const source = GATE_CORES.has(node.type) ? node.inputs[0] : operandBesideConstant(view, node);
    if (source === undefined || source === "") return undefined;
    chain.push(node);
    value = source;
  }
  return chain.some((node) => GATE_CORES.has(node.type)) ? chain : undefined;
}

/** Pool → conv → activation → conv → Sigmoid → Mul; the pool and the final product stay quantizable. */
function findSqueezeExcite(view: GraphView, pool: Node): Node[] {
  if (pool.type !== "ReduceMean" && pool.type !== "GlobalAveragePool") return [];
  const squeeze = weightedAfter(view, pool);
  if (!squeeze) return [];
  const activation = activationAfter(view, squeeze.end);
  const excite = activation && weightedAfter(view, activation.end);
  const gate = excite && view.onlyConsumer(excite.end.outputs[0]!);
  if (gate?.type !== "Sigmoid" || view.onlyConsumer(gate.outputs[0]!)?.type !== "Mul") return [];
  return [...squeeze.nodes, ...activation!.nodes, ...excite!.nodes, gate];
}

interface Stretch {
  readonly nodes: readonly Node[];
  readonly end: Node;
}

function weightedAfter(view: GraphView, node: Node): Stretch | undefined {
  const weighted = view.onlyConsumer(node.outputs[0]!);
  if (!weighted || !isWeighted(view, weighted)) return undefined;
  const add = view.onlyConsumer(weighted.outputs[0]!);
  return add && findBias(view, add).length > 0
    ? { nodes: [weighted, add], end: add }
    : { nodes: [weighted], end: weighted };
}

function activationAfter(view: GraphView, node: Node): Stretch | undefined {
  const value = node.outputs[0]!;
  const consumers = view.consumers(value).map((edge) => edge.node);
  const [first] = consumers;
  if (consumers.length === 1 && (first!.type === "Relu" || first!.type === "PRelu")) {
    return { nodes: [first!], end: first! };
  }
  const product = consumers.find((consumer) => consumer.type === "Mul");
  const swish = product && gateOf(view, product);
  return swish?.some((part) => part.type === "Sigmoid") ? { nodes: swish, end: product! } : undefined;
}

/** Mul → Add of a constant: the addition goes with the product. */
function findShift(view: GraphView, node: Node): Node[] {
  const source = operandBesideConstant(view, node);
  return node.type === "Add" && source !== undefined && view.producer(source)?.type === "Mul" ? [node] : [];
}

/** Whether a node multiplies by a constant what a following node adds a constant to. */
export function isScaleShift(view: GraphView, node: Node): boolean {
  if (node.type !== "Mul" || operandBesideConstant(view, node) === undefined) return false;
  const next = view.onlyConsumer(node.outputs[0]!);
  return next?.type === "Add" && operandBesideConstant(view, next) !== undefined;
}

/** Weights [→ bias] [→ activation] → elementwise operators with constants, all read once: fused into the weights' kernel. */
function findFusedEltwise(view: GraphView, node: Node): Node[] {
  const source = isEltwise(node) ? operandBesideConstant(view, node) : undefined;
  if (source === undefined) return [];
  let value = source;
  for (let steps = 0; steps < 4; steps++) {
    const producer = view.producer(value);
    if (!producer || !hasOneReader(view, value)) return [];
    if (isWeighted(view, producer)) return [node];
    const before = ACTIVATIONS.has(producer.type)
      ? producer.inputs[0]
      : gateSource(view, producer) ?? eltwiseSource(view, producer);
    if (before === undefined) return [];
    value = before;
  }
  return [];
}

/** Whether one node reads a value, or one gate, which is a single operator where POT looks at it. */
function hasOneReader(view: GraphView, value: string): boolean {
  if (view.onlyConsumer(value) !== undefined) return true;
  const readers = view.consumers(value).map((edge) => edge.node);
  const gate = readers.map((reader) => gateOf(view, reader)).find((nodes) => nodes !== undefined);
  return gate !== undefined && !view.escapes(value) && readers.every((reader) => gate.includes(reader));
}

/** What goes into the gate that ends with a node; undefined where none does. */
function gateSource(view: GraphView, end: Node): string | undefined {
  const scaled = operandBesideConstant(view, end);
  const product = scaled === undefined ? end : view.producer(scaled);
  const gate = product && gateOf(view, product);
  if (gate?.at(-1) !== end) return undefined;
  return product!.inputs.find((value) => !gate.some((node) => node.outputs.includes(value)));
}

function eltwiseSource(view: GraphView, node: Node): string | undefined {
  return node.type === "Add" || isScaleShift(view, node) ? operandBesideConstant(view, node) : undefined;
}

/** Graph input [→ Cast, Transpose] → arithmetic with constants: the network's own normalization. */
function findPreprocessing(view: GraphView, node: Node): Node[] {
  if (!isEltwise(node)) return [];
  let value = operandBesideConstant(view, node);
  for (let steps = 0; value !== undefined && steps < 6; steps++) {
    if (view.isGraphInput(value)) return [node];
    const producer = view.producer(value);
    if (!producer) return [];
    value = producer.type === "Cast" || producer.type === "Transpose"
      ? producer.inputs[0]
      : isEltwise(producer)
      ? operandBesideConstant(view, producer)
      : undefined;
  }
  return [];
}

/** MeanVarianceNormalization → scale-shift, LpNormalization → Mul. */
function findNormalizationScale(view: GraphView, node: Node): Node[] {
  if (node.type !== "MeanVarianceNormalization" && node.type !== "LpNormalization") return [];
  const scale = view.onlyConsumer(node.outputs[0]!);
  if (scale?.type !== "Mul") return [];
  const shift = view.onlyConsumer(scale.outputs[0]!);
  return shift?.type === "Add" && operandBesideConstant(view, shift) !== undefined ? [scale, shift] : [scale];
}

/** (x − mean) / √(mean((x − mean)²) + ε) [· scale] [+ shift], as written out before opset 17. */
function findLayerNormalization(view: GraphView, division: Node): Node[] {
  if (division.type !== "Div" && division.type !== "Mul") return [];
  const [centered, deviation] = division.inputs.map((value) => view.producer(value));
  if (centered?.type !== "Sub" || !deviation) return [];
  const mean = view.producer(centered.inputs[1]!);
  if (mean?.type !== "ReduceMean" || mean.inputs[0] !== centered.inputs[0]) return [];
  const below = climb(view, deviation, new Set(["Sqrt", "Reciprocal", "Div", "Pow", "Add"]));
  const variance = below && view.producer(below.from);
  if (variance?.type !== "ReduceMean") return [];
  const square = view.producer(variance.inputs[0]!);
  const isSquare = square !== undefined && (square.type === "Pow" || square.type === "Mul");
  // Exporters may compute the difference twice.
  const difference = isSquare ? view.producer(square.inputs[0]!) : undefined;
  if (!difference || difference.type !== "Sub" || difference.inputs[0] !== centered.inputs[0]) return [];
  return [mean, centered, difference, square!, variance, ...below!.nodes, division, ...scaleShiftAfter(view, division)];
}

function scaleShiftAfter(view: GraphView, node: Node): Node[] {
  const scale = view.onlyConsumer(node.outputs[0]!);
  if (scale?.type !== "Mul" || operandBesideConstant(view, scale) === undefined) return [];
  const shift = view.onlyConsumer(scale.outputs[0]!);
  return shift?.type === "Add" && operandBesideConstant(view, shift) !== undefined ? [scale, shift] : [scale];
}

/** Walks up single-source nodes of the given types; `from` is the value above them. */
function climb(view: GraphView, node: Node, types: ReadonlySet<string>): { nodes: Node[]; from: string } | undefined {
  const nodes: Node[] = [];
  let current: Node | undefined = node;
  let from = "";
  while (current && types.has(current.type)) {
    nodes.push(current);
    const source: string | undefined = current.inputs.length === 1
      ? current.inputs[0]
      : operandBesideConstant(view, current);
    if (source === undefined) return undefined;
    from = source;
    current = view.producer(source);
  }
  return nodes.length > 0 ? { nodes, from } : undefined;
}

/** Exp → ReduceSum → Div, or → Reciprocal|Pow → Mul. */
function findSoftmaxParts(view: GraphView, quotient: Node): Node[] {
  if (quotient.type !== "Div" && quotient.type !== "Mul") return [];
  for (const [data, other] of [[0, 1], [1, 0]] as const) {
    const exponential = view.producer(quotient.inputs[data]!);
    if (exponential?.type !== "Exp") continue;
    let divisor = view.producer(quotient.inputs[other]!);
    const inverse = divisor?.type === "Reciprocal" || divisor?.type === "Pow" ? divisor : undefined;
    if (inverse) divisor = view.producer(inverse.inputs[0]!);
    const isSum = divisor?.type === "ReduceSum" && divisor.inputs[0] === quotient.inputs[data];
    if (isSum) return inverse ? [inverse, divisor!, quotient] : [divisor!, quotient];
  }
  return [];
}

/** x / √(sum of x²) [with a floor or ε below the root or behind it]: what POT knows as NormalizeL2. */
function findUnitVector(view: GraphView, division: Node): Node[] {
  if (division.type !== "Div") return [];
  const [data, length] = division.inputs as [string, string];
  const behind: Node[] = [];
  let root = view.producer(length);
  while (root && (root.type === "Clip" || root.type === "Add" || root.type === "Max" || root.type === "Expand")) {
    behind.push(root);
    root = view.producer(root.inputs[0]!);
  }
  if (root?.type === "ReduceL2" && root.inputs[0] === data) return [root, ...behind, division];
  const below = root && climb(view, root, new Set(["Sqrt", "Add", "Max", "Clip", "Pow"]));
  const sum = below && view.producer(below.from);
  if (sum?.type !== "ReduceSum") return [];
  const square = view.producer(sum.inputs[0]!);
  const isSquare = square?.type === "Pow" || (square?.type === "Mul" && square.inputs[1] === square.inputs[0]);
  return isSquare && square.inputs[0] === data ? [square, sum, ...below!.nodes, ...behind, division] : [];
}

/** Add → Mul by a constant → Add of a constant → graph output. */
function findResultScale(view: GraphView, shift: Node): Node[] {
  if (shift.type !== "Add" || !view.escapes(shift.outputs[0]!)) return [];
  const scaled = operandBesideConstant(view, shift);
  const scale = scaled === undefined ? undefined : view.producer(scaled);
  const source = scale?.type === "Mul" ? operandBesideConstant(view, scale) : undefined;
  return source !== undefined && view.producer(source)?.type === "Add" ? [scale!, shift] : [];
}

/** Clip → Mul by a constant. */
function findClipScale(view: GraphView, node: Node): Node[] {
  const source = node.type === "Mul" ? operandBesideConstant(view, node) : undefined;
  return source !== undefined && view.producer(source)?.type === "Clip" ? [node] : [];
}

/** Gemm or MatMul → Unsqueeze → Mul → Add → Squeeze: BatchNorm1d. */
function findFlatNormalization(view: GraphView, unsqueeze: Node): Node[] {
  if (unsqueeze.type !== "Unsqueeze") return [];
  const source = view.producer(unsqueeze.inputs[0]!);
  if (!source || !isWeighted(view, source)) return [];
  const [scale, shift] = scaleShiftAfter(view, unsqueeze);
  const squeeze = shift && view.onlyConsumer(shift.outputs[0]!);
  return squeeze?.type === "Squeeze" ? [unsqueeze, scale!, shift!] : [];
}

/** Equal → Not. */
function findNegatedComparison(view: GraphView, node: Node): Node[] {
  return node.type === "Equal" && view.onlyConsumer(node.outputs[0]!)?.type === "Not" ? [node] : [];
}

function isEltwise(node: Node): boolean {
  return node.type === "Add" || node.type === "Sub" || node.type === "Mul" || node.type === "Div";
}

function isWeighted(view: GraphView, node: Node): boolean {
  return WEIGHTED.has(node.type) && view.weightInput(node) !== undefined;
}
