/** Rewrites a graph of an older opset in the operators of opset 13, the first with per-channel DequantizeLinear. */
import { UnsupportedError } from "../base/errors.ts";
import { elementCount, type HostTensor, hostTensor, type TensorType } from "../base/tensor.ts";
import type { Attributes, AttributeValue } from "../graph/attributes.ts";
import type { Graph, Node } from "../graph/graph.ts";

/** What a rewrite has at hand. */
interface Context {
  readonly opset: number;
  readonly types: ReadonlyMap<string, TensorType>;
  /** Adds an initializer under a name made from `wanted`, and returns that name. */
  store(wanted: string, tensor: HostTensor): string;
  /** A name that nothing in the graph has. */
  fresh(wanted: string): string;
}

type Rewrite = (node: Node, context: Context) => readonly Node[];

/** Operators whose form changed in an opset up to 13, with the opset that changed it and the rewrite to the form of 13. */
const REWRITES: Readonly<Record<string, { readonly since: number; readonly rewrite: Rewrite }>> = {
  BatchNormalization: { since: 9, rewrite: dropSpatial },
  Clip: { since: 11, rewrite: clipInputs },
  Dropout: { since: 12, rewrite: (node) => [without(node, "ratio")] },
  Hardmax: { since: 13, rewrite: coerceToMatrix },
  LogSoftmax: { since: 13, rewrite: coerceToMatrix },
  Pad: { since: 11, rewrite: padInputs },
  ReduceSum: { since: 13, rewrite: axesInput },
  Resize: {
    since: 13,
    rewrite: (node, context) => context.opset < 11 ? resizeInputs(node, context) : pixelCentres(node),
  },
  Scan: { since: 9, rewrite: refuse },
  Scatter: { since: 11, rewrite: (node) => [{ ...node, type: "ScatterElements" }] },
  Slice: { since: 10, rewrite: sliceInputs },
  Softmax: { since: 13, rewrite: coerceToMatrix },
  Split: { since: 13, rewrite: splitInput },
  Squeeze: { since: 13, rewrite: axesInput },
  TopK: { since: 10, rewrite: topKInput },
  Unsqueeze: { since: 13, rewrite: axesInput },
  Upsample: { since: 10, rewrite: resizeInputs },
};

/** Oldest opset whose other operators mean in opset 13 what they meant then. */
const OLDEST = 7;

/**
 * Returns the graph in opset `target` (13), or as it is where it is newer already. Names of values and nodes stay; a node
 * that needs several keeps its name on the one that does the work. `types` tells ranks and shapes of values.
 */
export function raiseOpset(graph: Graph, types: ReadonlyMap<string, TensorType>, target: 13): Graph {
  if (graph.opset >= target) return graph;
  if (graph.opset < OLDEST) {
    throw new UnsupportedError(
      `Cannot export model: its opset ${graph.opset} cannot be raised to ${target}, expected ${OLDEST} or newer`,
    );
  }
  return raiseGraph(graph, types, target);
}

function raiseGraph(graph: Graph, types: ReadonlyMap<string, TensorType>, target: number): Graph {
  const initializers = new Map(graph.initializers);
  const taken = new Set([
    ...graph.inputs.map((input) => input.name),
    ...initializers.keys(),
    ...graph.nodes.flatMap((node) => [node.name, ...node.outputs]),
  ]);
  const fresh = (wanted: string): string => {
    let name = wanted;
    for (let count = 1; taken.has(name); count++) name = `${wanted}_${count}`;
    taken.add(name);
    return name;
  };
  const store = (wanted: string, tensor: HostTensor): string => {
    const name = fresh(wanted);
    initializers.set(name, tensor);
    return name;
  };
  const context: Context = { opset: graph.opset, types, store, fresh };
  const nodes = graph.nodes.flatMap((node) => {
    const raised = raiseBodies(node, types, target);
    const change = raised.domain === "" ? REWRITES[raised.type] : undefined;
    return change && graph.opset < change.since ? change.rewrite(raised, context) : [raised];
  });
  return { ...graph, opset: target, nodes, initializers };
}

/** Raises the bodies of control flow, which follow the opset of the model. */
function raiseBodies(node: Node, types: ReadonlyMap<string, TensorType>, target: number): Node {
  const hasBody = [...node.attributes.values()].some((attribute) => attribute.type === "graph");
  if (!hasBody) return node;
  const attributes = [...node.attributes].map(([name, attribute]): [string, AttributeValue] =>
    attribute.type === "graph"
      ? [name, { type: "graph", value: raiseGraph(attribute.value, types, target) }]
      : [name, attribute]
  );
  return { ...node, attributes: new Map(attributes) };
}

/** BatchNormalization of opset 7 and 8 could keep statistics per position. */
function dropSpatial(node: Node): Node[] {
  if (integer(node, "spatial", 1) !== 1) throw refused(node, "spatial 0 has no form in opset 13");
  return [without(node, "spatial")];
}

function clipInputs(node: Node, { types, store }: Context): Node[] {
  const bound = (name: "min" | "max") => {
    if (!node.attributes.has(name)) return "";
    return store(`${node.name}_${name}`, scalarLike(node, types, number(node, name, 0)));
  };
  const inputs = [node.inputs[0]!, bound("min"), bound("max")];
  while (inputs.at(-1) === "") inputs.pop();
  return [{ ...without(node, "min", "max"), inputs }];
}

function padInputs(node: Node, { types, store }: Context): Node[] {
  const pads = store(`${node.name}_pads`, integers(required(node, "pads")));
  const value = number(node, "value", 0);
  const inputs = [node.inputs[0]!, pads];
  if (value !== 0) inputs.push(store(`${node.name}_value`, scalarLike(node, types, value)));
  return [{ ...without(node, "pads", "value"), inputs }];
}

function axesInput(node: Node, { store }: Context): Node[] {
  const axes = numbers(node, "axes");
  if (!axes) return [node];
  return [{ ...without(node, "axes"), inputs: [node.inputs[0]!, store(`${node.name}_axes`, integers(axes))] }];
}

function splitInput(node: Node, { store }: Context): Node[] {
  const split = numbers(node, "split");
  if (!split) return [node];
  return [{ ...without(node, "split"), inputs: [node.inputs[0]!, store(`${node.name}_split`, integers(split))] }];
}

function sliceInputs(node: Node, { store }: Context): Node[] {
  const starts = required(node, "starts");
  const axes = numbers(node, "axes") ?? starts.map((_, axis) => axis);
  const inputs = [
    node.inputs[0]!,
    store(`${node.name}_starts`, integers(starts)),
    store(`${node.name}_ends`, integers(required(node, "ends"))),
    store(`${node.name}_axes`, integers(axes)),
  ];
  return [{ ...without(node, "starts", "ends", "axes"), inputs }];
}

function topKInput(node: Node, { store }: Context): Node[] {
  const k = store(`${node.name}_k`, integers([number(node, "k", 1)]));
  return [{ ...without(node, "k"), inputs: [node.inputs[0]!, k] }];
}

/** Upsample and Resize before opset 11 read the input at `floor(x / scale)`: today's asymmetric coordinates. */
function resizeInputs(node: Node, { store }: Context): Node[] {
  const attribute = numbers(node, "scales");
  const scales = attribute
    ? store(`${node.name}_scales`, hostTensor("float32", [attribute.length], attribute))
    : node.inputs[1]!;
  const mode = node.attributes.get("mode")?.value ?? "nearest";
  const attributes: Attributes = new Map<string, AttributeValue>([
    ["mode", { type: "string", value: mode === "bilinear" ? "linear" : String(mode) }],
    ["coordinate_transformation_mode", { type: "string", value: "asymmetric" }],
    ["nearest_mode", { type: "string", value: "floor" }],
  ]);
  return [{ ...node, type: "Resize", inputs: [node.inputs[0]!, "", scales], attributes }];
}

/**
 * Opset 13 has no `tf_half_pixel_for_nn`, which TensorFlow's nearest Resize is written with: coordinates half a pixel higher than
 * `half_pixel`, so that their floor is the other's rounding.
 */
function pixelCentres(node: Node): Node[] {
  const text = (name: string) => node.attributes.get(name)?.value;
  const isReplaced = text("coordinate_transformation_mode") === "tf_half_pixel_for_nn" &&
    (text("mode") ?? "nearest") === "nearest" && text("nearest_mode") === "floor";
  if (!isReplaced) return [node];
  const attributes: Attributes = new Map<string, AttributeValue>([
    ...node.attributes,
    ["coordinate_transformation_mode", { type: "string", value: "half_pixel" }],
    ["nearest_mode", { type: "string", value: "round_prefer_ceil" }],
  ]);
  return [{ ...node, attributes }];
}

/**
 * Softmax and its like flattened their input to a matrix at `axis` (1 by default) before opset 13, which takes one axis.
 * That is the same where all later axes have extent 1, or at the last axis; otherwise the matrix is made explicit.
 */
function coerceToMatrix(node: Node, { types, store, fresh }: Context): Node[] {
  const type = types.get(node.inputs[0]!);
  if (!type) throw refused(node, "the rank of its input is not known");
  const rank = type.shape.length;
  const given = integer(node, "axis", 1);
  const axis = given < 0 ? given + rank : given;
  if (axis === rank - 1 || elementCount(type.shape.slice(axis + 1)) === 1) return [withAxis(node, axis)];
  const [matrix, normalized, shape] = ["matrix", "normalized", "shape"].map((part) => fresh(`${node.name}_${part}`));
  const made = (type: string, inputs: string[], output: string, attributes: Attributes = new Map()): Node => ({
    name: fresh(`${node.name}_${type}`),
    type,
    domain: "",
    inputs,
    outputs: [output],
    attributes,
  });
  const [rows] = node.outputs;
  return [
    made("Shape", [node.inputs[0]!], shape!),
    axis === 0
      ? made("Reshape", [node.inputs[0]!, store(`${node.name}_row`, integers([1, -1]))], matrix!)
      : made("Flatten", [node.inputs[0]!], matrix!, new Map([["axis", { type: "int", value: axis }]])),
    { ...withAxis(node, 1), inputs: [matrix!], outputs: [normalized!] },
    made("Reshape", [normalized!, shape!], rows!),
  ];
}

function withAxis(node: Node, axis: number): Node {
  return { ...node, attributes: new Map([...node.attributes, ["axis", { type: "int", value: axis }]]) };
}

function refuse(node: Node, { opset }: Context): never {
  throw refused(node, `its form of opset ${opset} cannot be raised`);
}

function refused(node: Node, reason: string): UnsupportedError {
  return new UnsupportedError(`Cannot export ${node.type} node "${node.name}": ${reason}`);
}

function without(node: Node, ...names: readonly string[]): Node {
  return { ...node, attributes: new Map([...node.attributes].filter(([name]) => !names.includes(name))) };
}

function integers(values: readonly number[]): HostTensor {
  return hostTensor("int64", [values.length], values);
}

/** A scalar of the type of a node's first input. */
function scalarLike(node: Node, types: ReadonlyMap<string, TensorType>, value: number): HostTensor {
  return hostTensor(types.get(node.inputs[0]!)?.dtype ?? "float32", [], [value]);
}

function integer(node: Node, name: string, fallback: number): number {
  const attribute = node.attributes.get(name);
  return attribute?.type === "int" ? attribute.value : fallback;
}

function number(node: Node, name: string, fallback: number): number {
  const attribute = node.attributes.get(name);
  return attribute?.type === "int" || attribute?.type === "float" ? attribute.value : fallback;
}

function numbers(node: Node, name: string): readonly number[] | undefined {
  const attribute = node.attributes.get(name);
  return attribute?.type === "ints" || attribute?.type === "floats" ? attribute.value : undefined;
}

function required(node: Node, name: string): readonly number[] {
  const values = numbers(node, name);
  if (!values) throw refused(node, `it has no attribute "${name}"`);
  return values;
}
