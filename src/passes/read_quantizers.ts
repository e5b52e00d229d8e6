/** QuantizeLinear and DequantizeLinear of a network that comes with them, as quantizers: stores then round, and no kernel does that alone. */
import type { HostTensor } from "../base/tensor.ts";
import { withInitializers, withNodes } from "../graph/edit.ts";
import type { Graph, Node } from "../graph/graph.ts";
import type { Quantizer, QuantizerLayout, QuantizerParameters } from "../graph/quantizer.ts";
import type { TypedGraph } from "../ops/infer.ts";
import { foldConstants } from "./fold_constants.ts";
import { codedBiases } from "./coded_biases.ts";
import { findPairs } from "./quantizer_pairs.ts";

/** What the only candidate of a read network gives to a quantizer. */
export type ReadData = { readonly parameters: QuantizerParameters } | {
  readonly tensor: HostTensor;
  /** For each element what one code is worth: the scale of the layer's input times that of its weights. */
  readonly units: Float32Array;
};

/** A network with its quantizers beside it. In float it is the network without them; in candidate 0 it computes what its file says. */
export interface ReadNetwork {
  readonly graph: Graph;
  /** Activations, and biases of layers whose products have units. Weights have none: what was dequantized is the same in float. */
  readonly layout: QuantizerLayout;
  /** Quantizer → data of candidate 0. */
  readonly data: ReadonlyMap<number, ReadData>;
}

/**
 * Takes pairs of QuantizeLinear and DequantizeLinear out of a graph; undefined where there is nothing to take. What stays as it is:
 * codes that other operators read; codes or dequantized values that leave the network; scales that are computed, or that lie along an
 * axis or in blocks; codes of other types than int8 and uint8; values quantized in several ways.
 */
export function readQuantizers(typed: TypedGraph): ReadNetwork | undefined {
  if (!typed.graph.nodes.some(({ type, domain }) => type === "QuantizeLinear" && domain === "")) return undefined;
  const folded = foldConstants(typed);
  const present = new Set(folded.nodes.map(({ name }) => name));
  const own = { ...typed, graph: folded, nodes: typed.nodes.filter(({ node }) => present.has(node.name)) };
  const pairs = findPairs(own);
  if (pairs.quantized.length === 0) return undefined;
  const biases = codedBiases(own, pairs);
  const addends = new Map(biases.map(({ operand: { node, input }, name }) => [node, { input, name }]));
  const nodes = folded.nodes.flatMap((node): Node[] => {
    if (pairs.removed.has(node.name)) return [];
    const inputs = node.inputs.map((name) => pairs.sources.get(name) ?? name);
    const addend = addends.get(node.name);
    if (addend) inputs[addend.input] = addend.name;
    return [{ ...node, inputs }];
  });
  const graph = withInitializers(folded, new Map(biases.map(({ name, tensor }) => [name, tensor])));
  const drafts = [
    ...pairs.quantized.map(({ value, parameters, consumers, carriedTo }) => ({
      quantizer: { name: value, value, kind: "activation" as const, consumers, carriedTo },
      data: { parameters },
    })),
    ...biases.map(({ operand, name, tensor, units }) => ({
      quantizer: {
        name,
        value: name,
        kind: "bias" as const,
        consumers: [operand],
        channelAxis: tensor.shape.length - 1,
      },
      data: { tensor, units },
    })),
  ];
  return {
    graph: withNodes(graph, nodes),
    layout: oneGroup(drafts.map(({ quantizer }, id): Quantizer => ({ ...quantizer, id, group: 0 })), folded),
    data: new Map(drafts.map(({ data }, id) => [id, data])),
  };
}

function oneGroup(quantizers: readonly Quantizer[], { nodes }: Graph): QuantizerLayout {
  const readers = new Set(quantizers.flatMap(({ consumers }) => consumers.map(({ node }) => node)));
  const names = nodes.map(({ name }) => name).filter((name) => readers.has(name));
  return { quantizers, groups: [{ id: 0, name: names[0]!, quantizers: quantizers.map(({ id }) => id), nodes: names }] };
}
