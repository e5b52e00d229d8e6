/** Networks made up for measuring how time grows. */
import { createRandom } from "../src/base/random.ts";
import { elementCount, type HostTensor } from "../src/base/tensor.ts";
import type { Graph, Node } from "../src/graph/graph.ts";

/** A chain of layers. */
export interface Chain {
  readonly layers: number;
  readonly channels: number;
  /** Height and width. */
  readonly size: number;
  /** Puts an Add of what lies two layers back behind every second layer. */
  readonly residuals?: boolean;
  /** Extent of the kernels; 3 unless stated. */
  readonly kernel?: number;
}

/** 3×3 convolutions with a Relu behind each; input `x` of [N, channels, size, size], output `y`, the means of all channels. */
export function convolutionChain({ layers, channels, size, residuals = false, kernel = 3 }: Chain): Graph {
  const random = createRandom(1);
  const initializers = new Map<string, HostTensor>();
  const nodes: Node[] = [];
  const add = (type: string, inputs: readonly string[], attributes: Node["attributes"] = new Map()): string => {
    const name = `${type}_${nodes.length}`;
    nodes.push({ name, type, domain: "", inputs, outputs: [`${name}_out`], attributes });
    return `${name}_out`;
  };
  const pad = (kernel - 1) / 2;
  const pads: Node["attributes"] = new Map([["pads", { type: "ints", value: [pad, pad, pad, pad] }]]);
  let [value, earlier] = ["x", "x"];
  for (let layer = 0; layer < layers; layer++) {
    const shape = [channels, channels, kernel, kernel];
    const scale = 1 / Math.sqrt(channels * kernel * kernel);
    const data = Float32Array.from({ length: elementCount(shape) }, () => scale * (2 * random() - 1));
    initializers.set(`w${layer}`, { dtype: "float32", shape, data });
    value = add("Relu", [add("Conv", [value, `w${layer}`], pads)]);
    if (residuals && layer % 2 === 1) earlier = value = add("Add", [value, earlier]);
  }
  const mean = add("GlobalAveragePool", [value]);
  nodes.push({
    name: "flatten",
    type: "Flatten",
    domain: "",
    inputs: [mean],
    outputs: ["y"],
    attributes: new Map([["axis", { type: "int", value: 1 }]]),
  });
  return {
    name: "chain",
    opset: 13,
    inputs: [{ name: "x", dtype: "float32", shape: ["N", channels, size, size] }],
    outputs: [{ name: "y", dtype: "float32", shape: ["N", channels] }],
    initializers,
    nodes,
    metadata: {
      irVersion: 8,
      producerName: "holdfast bench",
      producerVersion: "",
      domain: "",
      modelVersion: 0,
      docString: "",
      properties: new Map(),
      otherOpsets: new Map(),
    },
  };
}
