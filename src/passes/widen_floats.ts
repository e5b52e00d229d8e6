/** Turns float16, bfloat16 and float64 networks into float32 ones, which is what kernels compute in. */
import { type DType, type HostTensor, isFloat } from "../base/tensor.ts";
import type { AttributeValue } from "../graph/attributes.ts";
import type { Graph, Node, ValueInfo } from "../graph/graph.ts";
import { dataTypeNumber } from "../onnx/tensor.ts";

/** Attributes that hold an element type, by operator. */
const DTYPE_ATTRIBUTES: ReadonlyMap<string, string> = new Map([
  ["BlackmanWindow", "output_datatype"],
  ["Cast", "to"],
  ["DequantizeLinear", "output_dtype"],
  ["EyeLike", "dtype"],
  ["HammingWindow", "output_datatype"],
  ["HannWindow", "output_datatype"],
  ["MelWeightMatrix", "output_datatype"],
]);

/** Whether anything in the graph is a float other than float32. */
export function hasOtherFloats(graph: Graph): boolean {
  return graph.inputs.some(({ dtype }) => isOther(dtype)) || graph.outputs.some(({ dtype }) => isOther(dtype)) ||
    [...graph.initializers.values()].some(({ dtype }) => isOther(dtype));
}

/** The same network with float32 in place of every other float type: inputs, outputs, constants, casts. */
export function widenFloats(graph: Graph): Graph {
  if (!hasOtherFloats(graph)) return graph;
  const widenInfo = (value: ValueInfo): ValueInfo => ({ ...value, dtype: widened(value.dtype) });
  return {
    ...graph,
    inputs: graph.inputs.map(widenInfo),
    outputs: graph.outputs.map(widenInfo),
    initializers: new Map([...graph.initializers].map(([name, tensor]) => [name, widenTensor(tensor)])),
    nodes: graph.nodes.map(widenNode),
  };
}

function isOther(dtype: DType): boolean {
  return isFloat(dtype) && dtype !== "float32";
}

function widened(dtype: DType): DType {
  return isOther(dtype) ? "float32" : dtype;
}

function widenTensor(tensor: HostTensor): HostTensor {
  return isOther(tensor.dtype) ? { ...tensor, dtype: "float32", data: Float32Array.from(tensor.data) } : tensor;
}

function widenNode(node: Node): Node {
  const dtypeAttribute = DTYPE_ATTRIBUTES.get(node.type);
  const others = (["float16", "bfloat16", "float64"] as const).map(dataTypeNumber);
  const attributes = new Map([...node.attributes].map(([name, attribute]): [string, AttributeValue] => {
    if (attribute.type === "tensor") return [name, { type: "tensor", value: widenTensor(attribute.value) }];
    if (attribute.type === "graph") return [name, { type: "graph", value: widenFloats(attribute.value) }];
    if (attribute.type === "int" && name === dtypeAttribute && others.includes(attribute.value)) {
      return [name, { type: "int", value: dataTypeNumber("float32") }];
    }
    return [name, attribute];
  }));
  return { ...node, attributes };
}
