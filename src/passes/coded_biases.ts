/** Biases of layers whose products are whole numbers of a unit: what integer kernels of runtimes add, in int32 or behind the sum in float. */
import { elementCount, type HostTensor } from "../base/tensor.ts";
import { normalizeAxis } from "../base/shape.ts";
import { freshNames } from "../graph/edit.ts";
import type { Graph, Node } from "../graph/graph.ts";
import type { TypedGraph } from "../ops/infer.ts";
import type { ResolvedNode } from "../ops/resolve.ts";
import type { Pairs } from "./quantizer_pairs.ts";

/** The bias of one layer. */
export interface CodedBias {
  /** What reads it: input 2 of the layer, or the addition behind a MatMul. */
  readonly operand: { readonly node: string; readonly input: number };
  /** Initializer that the operand alone reads; new where it had none, or where others read it too. */
  readonly name: string;
  readonly tensor: HostTensor;
  /** One for each element: the scale of the layer's input times that of the channel's weights. */
  readonly units: Float32Array;
}

/** How far the scale of a bias may be from the unit: rounding of a product of two float32 values in whatever precision. */
const RELATIVE_DIFFERENCE = 2 ** -22;

/** Layers that have a bias, or an addition behind them that takes its place. */
const BIASED: ReadonlySet<string> = new Set(["Conv", "ConvTranspose", "Gemm", "MatMul"]);

/** Layers whose channels are their last axis. */
const MATRIX_PRODUCTS: ReadonlySet<string> = new Set(["Gemm", "MatMul"]);

/** Element types of weights whose products have units. */
const WEIGHT_CODES: ReadonlySet<string> = new Set(["int8", "uint8"]);

/**
 * Biases of the layers that read codes of 8 bits in both operands. Of Conv, ConvTranspose and Gemm without factors those dequantized
 * from int32 with the scale of the products, and zeros where a layer has none; of MatMul any constant that alone is added to its results,
 * one number for each column.
 */
export function codedBiases(typed: TypedGraph, pairs: Pairs): CodedBias[] {
  const { graph } = typed;
  const nameOf = freshNames(graph);
  const readers = readersOf(graph);
  const biasOf = ({ node }: ResolvedNode, units: Float32Array): Omit<CodedBias, "units"> | undefined => {
    const added = node.type === "MatMul" ? addendBehind(node, readers) : { node, input: 2 };
    if (!added) return undefined;
    const operand = { node: added.node.name, input: added.input };
    const name = added.node.inputs[added.input] ?? "";
    if (name === "") {
      const tensor: HostTensor = { dtype: "float32", shape: [units.length], data: new Float32Array(units.length) };
      return { operand, name: nameOf(`${node.name}_bias`), tensor };
    }
    const tensor = graph.initializers.get(name);
    const fits = tensor && (node.type === "MatMul" ? isFloatPerChannel(tensor, units) : isCodedIn(tensor, units));
    if (!fits) return undefined;
    return { operand, name: readers.get(name)!.length === 1 ? name : nameOf(`${name}_${operand.node}`), tensor };
  };
  return typed.nodes.flatMap((layer): CodedBias[] => {
    const units = unitsOf(layer, typed, pairs);
    const bias = units && biasOf(layer, units);
    return bias ? [{ ...bias, units }] : [];
  });
}

interface Reader {
  /** Undefined where a value leaves the network. */
  readonly node: Node | undefined;
  readonly input: number;
}

function readersOf({ nodes, outputs }: Graph): ReadonlyMap<string, readonly Reader[]> {
  const readers = new Map<string, Reader[]>();
  const add = (name: string, reader: Reader) => {
    const known = readers.get(name);
    if (known) known.push(reader);
    else readers.set(name, [reader]);
  };
  for (const { name } of outputs) add(name, { node: undefined, input: 0 });
  for (const node of nodes) node.inputs.forEach((name, input) => add(name, { node, input }));
  return readers;
}

/** The other operand of the addition that alone reads the results of a node. */
function addendBehind(
  { outputs: [output] }: Node,
  readers: ReadonlyMap<string, readonly Reader[]>,
): { readonly node: Node; readonly input: number } | undefined {
  const [reader, ...others] = readers.get(output!) ?? [];
  const isSum = reader?.node?.type === "Add" && reader.node.domain === "" && others.length === 0;
  return isSum ? { node: reader.node!, input: 1 - reader.input } : undefined;
}

/** Units of a layer's products, one for each output channel. */
function unitsOf(
  { node, operator, attributes }: ResolvedNode,
  typed: TypedGraph,
  pairs: Pairs,
): Float32Array | undefined {
  const { quant } = operator;
  const [x, w] = node.inputs as [string, string];
  const isLayer = quant.kind === "inputs_quantizable" && quant.weight !== undefined;
  if (!isLayer || !BIASED.has(node.type) || !hasPlainSum(node)) return undefined;
  const scale = pairs.scaleOf(x);
  const weight = typed.graph.initializers.get(w);
  if (scale === undefined || !weight?.steps || !WEIGHT_CODES.has(weight.steps.dtype)) return undefined;
  const { steps } = weight;
  const axis = operator.weightChannelAxis?.(typed.types.get(w)!, attributes);
  if (steps.axis !== undefined && steps.axis !== normalizeAxis(axis ?? 0, weight.shape.length)) return undefined;
  const { shape } = typed.types.get(node.outputs[0]!)!;
  const channels = MATRIX_PRODUCTS.has(node.type) ? shape.at(-1)! : shape[1]!;
  // Transposed convolutions have one scale per channel of a group.
  return Float32Array.from({ length: channels }, (_, channel) => scale * steps.scale[channel % steps.scale.length]!);
}

/** Whether a Gemm adds products and bias as they are; other layers always do. */
function hasPlainSum({ type, attributes }: Node): boolean {
  return type !== "Gemm" || ["alpha", "beta"].every((name) => (attributes.get(name)?.value ?? 1) === 1);
}

/** Whether a bias has one element per channel, each dequantized from int32 with the channel's unit. */
function isCodedIn(bias: HostTensor, units: Float32Array): boolean {
  const { steps } = bias;
  if (!isPerChannel(bias, units) || !steps || steps.dtype !== "int32") return false;
  return units.every((unit, channel) => {
    const scale = steps.scale[channel % steps.scale.length]!;
    return Math.abs(scale - unit) <= RELATIVE_DIFFERENCE * unit;
  });
}

function isFloatPerChannel(bias: HostTensor, units: Float32Array): boolean {
  return bias.dtype === "float32" && isPerChannel(bias, units);
}

function isPerChannel({ shape }: HostTensor, units: Float32Array): boolean {
  return shape.at(-1) === units.length && elementCount(shape) === units.length;
}
