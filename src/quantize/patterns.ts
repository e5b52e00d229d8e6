/**
 * Subgraphs that stay in float although their operators are quantizable: runtimes fuse them into a neighbour, or they are
 * too sensitive (POT's ignored patterns, tools/pot, graph/special_patterns.py and cpu_patterns.py, in ONNX operators).
 *
 * A pattern is tried at every node and returns the nodes to skip: no quantizer on their inputs, none slides over them.
 */
import type { Node } from "../graph/graph.ts";
import { findAttention, findMask, findProjectedValues } from "./attention_patterns.ts";
import { findSqueezeExcite } from "./block_patterns.ts";
import { findBatchIndex, findRegionShift } from "./detection_patterns.ts";
import { gateOf } from "./gate_patterns.ts";
import type { GraphView } from "./graph_view.ts";
import { findPreprocessing } from "./input_patterns.ts";
import {
  findFlatNormalization,
  findLayerNormalization,
  findNormalizationScale,
  findSoftmaxParts,
  findUnitVector,
} from "./normalization_patterns.ts";
import { findBias, findClipScale, findFusedEltwise, findResultScale, findShift } from "./scale_patterns.ts";

/** One family of subgraphs. */
export interface Pattern {
  readonly name: string;
  find(view: GraphView, node: Node): readonly Node[];
}

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
  { name: "attention of projected values", find: findProjectedValues },
  { name: "attention mask", find: findMask },
  { name: "vector of length one", find: findUnitVector },
  { name: "shift, scale and shift to a result", find: findResultScale },
  { name: "clip and scale", find: findClipScale },
  { name: "one-dimensional normalization", find: findFlatNormalization },
  { name: "batch index", find: findBatchIndex },
  { name: "shift of regions", find: findRegionShift },
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

/** Equal → Not. */
function findNegatedComparison(view: GraphView, node: Node): Node[] {
  return node.type === "Equal" && view.onlyConsumer(node.outputs[0]!)?.type === "Not" ? [node] : [];
}
