/** The part of quantization that needs no samples: where quantizers stand, and a graph in which each has its own constant. */
import type { HostTensor } from "../base/tensor.ts";
import { freshNames, withInitializers, withNodes } from "../graph/edit.ts";
import type { Graph } from "../graph/graph.ts";
import type { Quantizer, QuantizerLayout } from "../graph/quantizer.ts";
import { inferTypes, type TypedGraph } from "../ops/infer.ts";
import { addBiases } from "./biases.ts";
import { GraphView } from "./graph_view.ts";
import { operandKey } from "./groups.ts";
import { type Placement, type PlacementOptions, placeQuantizers } from "./placement.ts";
import { type QuantizerScheme, resolveSchemes } from "./scheme.ts";

/** What decides the layout, the same for all candidates. */
export interface PrepareOptions extends PlacementOptions {
  /** Of weights; `perchannel` unless stated. */
  readonly weightGranularity?: QuantizerScheme["granularity"];
  /** Convolutions that channel alignment changed. */
  readonly aligned?: ReadonlySet<string>;
}

/** A graph ready for calibration. */
export interface Prepared extends Placement {
  /**
   * What to plan, run and calibrate: computes what the original does. Every quantized constant is read by the consumers of
   * its quantizer alone, and layers without a bias have one of zeros.
   */
  readonly graph: Graph;
  readonly view: GraphView;
  readonly layout: QuantizerLayout;
  /** Biases that the original does not have. */
  readonly addedBiases: ReadonlySet<string>;
  /** Copies of shared constants → the initializer of the original. */
  readonly originals: ReadonlyMap<string, string>;
  readonly weightGranularity: QuantizerScheme["granularity"];
  readonly isTransformer: boolean;
  /** Convolutions that channel alignment changed: `saturation_fix` covers them too. */
  readonly aligned: ReadonlySet<string>;
}

/**
 * Places quantizers on a graph that has been through the passes, types inferred for batch 1.
 */
export function prepare(typed: TypedGraph, options: PrepareOptions = {}): Prepared {
  const biased = addBiases(new GraphView(typed));
  const view = new GraphView(retype(typed, biased.graph));
  const granularity = options.weightGranularity;
  const schemes = resolveSchemes({
    ...(options.targetDevice ? { targetDevice: options.targetDevice } : {}),
    weights: granularity ? { granularity } : {},
  });
  const placement = placeQuantizers(view, options, schemes);
  const own = separateConstants(biased.graph, placement.layout.quantizers, view);
  return {
    ...placement,
    graph: own.graph,
    view: new GraphView(retype(typed, own.graph)),
    layout: { ...placement.layout, quantizers: own.quantizers },
    addedBiases: biased.added,
    originals: own.originals,
    weightGranularity: schemes.weights.granularity,
    isTransformer: options.modelType === "transformer",
    aligned: options.aligned ?? new Set(),
  };
}

function retype(typed: TypedGraph, graph: Graph): TypedGraph {
  return inferTypes(graph, new Map(graph.inputs.map(({ name }) => [name, typed.types.get(name)!])));
}

/** Copies constants that several quantizers, or a quantizer and a float operand, read. */
function separateConstants(
  graph: Graph,
  quantizers: readonly Quantizer[],
  view: GraphView,
): { graph: Graph; quantizers: Quantizer[]; originals: Map<string, string> } {
  const originals = new Map<string, string>();
  const renamed = new Map<string, string>();
  const nameOf = freshNames(graph);
  const copies = new Map<string, HostTensor>();
  const own = quantizers.map((quantizer) => {
    const { value, kind, consumers } = quantizer;
    if (kind === "activation" || (view.consumers(value).length === consumers.length && !view.escapes(value))) {
      return quantizer;
    }
    const copy = nameOf(`${value}_${consumers[0]!.node}`);
    copies.set(copy, graph.initializers.get(value)!);
    originals.set(copy, value);
    for (const { node, input } of consumers) renamed.set(operandKey(node, input), copy);
    return { ...quantizer, value: copy };
  });
  const nodes = graph.nodes.map((node) => {
    const inputs = node.inputs.map((value, input) => renamed.get(operandKey(node.name, input)) ?? value);
    return inputs.every((value, input) => value === node.inputs[input]) ? node : { ...node, inputs };
  });
  return {
    graph: renamed.size === 0 ? graph : withNodes(withInitializers(graph, copies), nodes),
    quantizers: own,
    originals,
  };
}
