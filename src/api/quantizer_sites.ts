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
  options: Partial<QuantizeOptions>,
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

/** Share of the multiply-accumulates outside all groups from which on the user should know. */
const MOSTLY = 0.5;

/** Says which operators keep most of a network's work in float, whatever the loop decides; undefined where they do not. */
export function noteOnFloatWork(groups: readonly WeighedGroup[], typed: TypedGraph): string | undefined {
  const inGroups = new Set(groups.flatMap(({ nodes }) => nodes));
  const macs = nodeMacs(typed);
  const total = [...macs.values()].reduce((sum, count) => sum + count, 0);
  const byType = new Map<string, number>();
  for (const { node } of typed.nodes) {
    if (!inGroups.has(node.name)) byType.set(node.type, (byType.get(node.type) ?? 0) + (macs.get(node.name) ?? 0));
  }
  const outside = [...byType.values()].reduce((sum, count) => sum + count, 0);
  if (outside <= MOSTLY * total) return undefined;
  const percent = (count: number) => `${(100 * count / total).toFixed(1)} %`;
  const heaviest = [...byType].filter(([, count]) => count > 0).sort(([, a], [, b]) => b - a);
  const parts = heaviest.slice(0, 3).map(([type, count]) => `${type} ${percent(count)}`).join(", ");
  return `Only ${percent(total - outside)} of the multiply-accumulates can be in int8; in float stay ${parts}`;
}
