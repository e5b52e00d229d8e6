/** Graphs of one node from the cases of operators, and seeded data for them. */
import { createRandom } from "../../src/base/random.ts";
import { elementCount, type HostTensor, hostTensor, isFloat, type TensorType } from "../../src/base/tensor.ts";
import type { AttributeValue } from "../../src/graph/attributes.ts";
import type { Graph, GraphMetadata, Node } from "../../src/graph/graph.ts";
import { OPSET_RANGE } from "../../src/graph/import.ts";
import type { OpCase, OpDef } from "../../src/ops/op.ts";

export const NO_METADATA: GraphMetadata = {
  irVersion: 8,
  producerName: "",
  producerVersion: "",
  domain: "",
  modelVersion: 0,
  docString: "",
  properties: new Map(),
  otherOpsets: new Map(),
};

/** Newest opset that cases run in unless they state another. */
export const NEWEST_OPSET = OPSET_RANGE.newest;

/** A plain value as an attribute: integers are ints, other numbers floats. */
export function attributeOf(value: unknown): AttributeValue {
  if (typeof value === "number") return { type: Number.isInteger(value) ? "int" : "float", value };
  if (typeof value === "string") return { type: "string", value };
  if (Array.isArray(value)) {
    if (typeof value[0] === "string") return { type: "strings", value };
    return { type: value.every(Number.isInteger) ? "ints" : "floats", value };
  }
  if (typeof value === "object" && value !== null && "data" in value) {
    return { type: "tensor", value: value as HostTensor };
  }
  if (typeof value === "object" && value !== null && "nodes" in value) return { type: "graph", value: value as Graph };
  throw new TypeError(`Cannot use ${String(value)} as attribute`);
}

/** A graph with one node; inputs with a value become initializers. */
export function graphOfCase(operator: OpDef, one: OpCase): { graph: Graph; inputs: Map<string, TensorType> } {
  const names = one.inputs.map((type, index) => type ? `x${index}` : "");
  const inputs = new Map<string, TensorType>();
  const initializers = new Map<string, HostTensor>();
  one.inputs.forEach((type, index) => {
    if (!type) return;
    if (type.value) initializers.set(`x${index}`, { dtype: type.dtype, shape: type.shape, data: type.value });
    else inputs.set(`x${index}`, type);
  });
  const outputs = Array.from({ length: one.outputs ?? 1 }, (_, index) => `y${index}`);
  const node: Node = {
    name: "node",
    type: operator.type,
    domain: operator.domain ?? "",
    inputs: names,
    outputs,
    attributes: new Map(Object.entries(one.attributes ?? {}).map(([name, value]) => [name, attributeOf(value)])),
  };
  const graph: Graph = {
    name: operator.type,
    opset: one.opset ?? NEWEST_OPSET,
    inputs: [...inputs].map(([name, { dtype, shape }]) => ({ name, dtype, shape })),
    outputs: outputs.map((name) => ({ name, dtype: "float32", shape: undefined })),
    initializers,
    nodes: [node],
    metadata: NO_METADATA,
  };
  return { graph, inputs };
}

/** Seeded contents: floats in `range` with zeros and halves among them, small integers, 0 or 1 for bool. */
export function generate(type: TensorType, range: readonly [number, number], seed: number): HostTensor {
  const random = createRandom(seed);
  const [low, high] = range;
  const values = Array.from({ length: elementCount(type.shape) }, (_, index) => {
    const drawn = low + (high - low) * random();
    if (type.dtype === "bool") return random() < 0.5 ? 0 : 1;
    if (!isFloat(type.dtype)) return Math.floor(type.dtype.startsWith("u") ? Math.abs(drawn) : drawn);
    // Values that lie on rounding ties and on the kinks of activations.
    if (index % 7 === 3) return Math.min(Math.max(Math.round(drawn * 2) / 2, low), high);
    return drawn;
  });
  return hostTensor(type.dtype, type.shape, values);
}
