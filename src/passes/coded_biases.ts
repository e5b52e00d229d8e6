/** Addends of layers whose products are whole numbers of a unit: what integer kernels of runtimes add in int32. */
import { elementCount, type HostTensor } from "../base/tensor.ts";
import { freshNames } from "../graph/edit.ts";
import type { Node } from "../graph/graph.ts";
import type { TypedGraph } from "../ops/infer.ts";
import type { ResolvedNode } from "../ops/resolve.ts";
import type { Pairs } from "./quantizer_pairs.ts";

/** The bias of one layer, as its input 2. */
export interface CodedBias {
  readonly node: string;
  /** Initializer that the layer alone reads; new where it had none, or where others read it too. */
  readonly name: string;
  readonly tensor: HostTensor;
  /** One for each element: the scale of the layer's input times that of the channel's weights. */
  readonly units: Float32Array;
}

/** How far the scale of a bias may be from the unit: rounding of a product of two float32 values in whatever precision. */
const RELATIVE_DIFFERENCE = 2 ** -22;

/** Element types of weights whose products have units. */
const WEIGHT_CODES: ReadonlySet<string> = new Set(["int8", "uint8"]);

/**
 * Biases of the layers (Conv, ConvTranspose and Gemm without factors) that read codes of 8 bits in both operands: those dequantized from
 * int32 with the scale of the products, and zeros where a layer has none.
 */
export function codedBiases(typed: TypedGraph, pairs: Pairs): CodedBias[] {
  const { graph } = typed;
  const nameOf = freshNames(graph);
  const readers = new Map<string, number>(graph.outputs.map(({ name }) => [name, 1]));
  for (const { inputs } of graph.nodes) for (const name of inputs) readers.set(name, (readers.get(name) ?? 0) + 1);
  return typed.nodes.flatMap((layer): CodedBias[] => {
    const { node } = layer;
    const units = unitsOf(layer, typed, pairs);
    if (!units) return [];
    const bias = node.inputs[2] ?? "";
    if (bias === "") {
      const tensor: HostTensor = { dtype: "float32", shape: [units.length], data: new Float32Array(units.length) };
      return [{ node: node.name, name: nameOf(`${node.name}_bias`), tensor, units }];
    }
    const tensor = graph.initializers.get(bias);
    if (!tensor || !isCodedIn(tensor, units)) return [];
    return [{ node: node.name, name: readers.get(bias) === 1 ? bias : nameOf(`${bias}_${node.name}`), tensor, units }];
  });
}

/** Units of a layer's products, one for each output channel. */
function unitsOf(
  { node, operator, attributes }: ResolvedNode,
  typed: TypedGraph,
  pairs: Pairs,
): Float32Array | undefined {
  const { quant } = operator;
  const [x, w] = node.inputs as [string, string];
  if (quant.kind !== "inputs_quantizable" || quant.weight?.bias !== 2 || !hasPlainSum(node)) return undefined;
  const scale = pairs.scaleOf(x);
  const weight = typed.graph.initializers.get(w);
  if (scale === undefined || !weight?.steps || !WEIGHT_CODES.has(weight.steps.dtype)) return undefined;
  const { steps } = weight;
  const axis = operator.weightChannelAxis?.(typed.types.get(w)!, attributes);
  if (steps.axis !== undefined && steps.axis !== axis) return undefined;
  const channels = typed.types.get(node.outputs[0]!)!.shape[1]!;
  // Transposed convolutions have one scale per channel of a group.
  return Float32Array.from({ length: channels }, (_, channel) => scale * steps.scale[channel % steps.scale.length]!);
}

/** Whether a Gemm adds products and bias as they are; other layers always do. */
function hasPlainSum({ type, attributes }: Node): boolean {
  return type !== "Gemm" || ["alpha", "beta"].every((name) => (attributes.get(name)?.value ?? 1) === 1);
}

/** Whether a bias has one element per channel, each dequantized from int32 with the channel's unit. */
function isCodedIn({ shape, steps }: HostTensor, units: Float32Array): boolean {
  const isPerChannel = shape.at(-1) === units.length && elementCount(shape) === units.length;
  if (!isPerChannel || !steps || steps.dtype !== "int32") return false;
  return units.every((unit, channel) => {
    const scale = steps.scale[channel % steps.scale.length]!;
    return Math.abs(scale - unit) <= RELATIVE_DIFFERENCE * unit;
  });
}
