/** Where quantizers stand in a network, and what the groups of them weigh. */
import type { Group } from "../graph/quantizer.ts";
import type { TypedGraph } from "../ops/infer.ts";
import { nodeMacs } from "../ops/node_macs.ts";
import type { EqualizedNetwork } from "../quantize/equalization.ts";
import { prepare, type Prepared } from "../quantize/prepare.ts";
import type { QuantizeOptions } from "./quantize_options.ts";

/** A group with its weight in the network. */
export interface WeighedGroup extends Group {
  /** Share of the network's multiply-accumulates, 0 to 1. */
  readonly macs: number;
}

/** Places quantizers as the options ask. */
export function prepareQuantizers(
  typed: TypedGraph,
  options: QuantizeOptions,
  equalized: EqualizedNetwork | undefined,
): Prepared {
  const { targetDevice, modelType, loneArithmetic, int8Embeddings, ignored, quantization } = options;
  const weightGranularity = quantization?.weights?.granularity;
  return prepare(typed, {
    ...(targetDevice ? { targetDevice } : {}),
    ...(modelType ? { modelType } : {}),
    ...(loneArithmetic ? { loneArithmetic } : {}),
    ...(int8Embeddings === undefined ? {} : { int8Embeddings }),
    ...(ignored ? { ignored } : {}),
    ...(weightGranularity ? { weightGranularity } : {}),
    ...(equalized ? { inserted: equalized.inserted, aligned: equalized.aligned } : {}),
  });
}

/** The groups of a network, whose types are those before quantizers were placed. */
export function weighGroups({ layout }: Prepared, typed: TypedGraph): WeighedGroup[] {
  const macs = nodeMacs(typed);
  const total = Math.max(1, [...macs.values()].reduce((sum, count) => sum + count, 0));
  return layout.groups.map((group) => ({
    ...group,
    macs: group.nodes.reduce((sum, node) => sum + (macs.get(node) ?? 0), 0) / total,
  }));
}
