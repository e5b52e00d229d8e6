/** Which weights get 7 bits, for processors whose 8-bit multiply-add saturates at 16 bits (POT's `saturation_fix`). */
import type { Quantizer } from "../graph/quantizer.ts";
import type { GraphView } from "./graph_view.ts";
import type { TargetDevice } from "./scheme.ts";

/**
 * `no`, the default: emulation and export use all 8 bits, which processors with VNNI, GPUs and NPUs execute exactly.
 * `first_layer` and `all` give up one bit for x86 processors without VNNI.
 */
export type SaturationFix = "first_layer" | "all" | "no";

/** Whether multiply-add on a device may saturate; elsewhere a fix for it has nothing to fix, as in POT. */
export function saturates(device: TargetDevice): boolean {
  return device === "ANY" || device === "CPU";
}

/** Ids of the weight quantizers that get 7 bits; `aligned`: convolutions that channel alignment changed, which always do. */
export function narrowedWeights(
  view: GraphView,
  quantizers: readonly Quantizer[],
  fix: SaturationFix,
  aligned: ReadonlySet<string> = new Set(),
): Set<number> {
  const hasConvolution = view.nodes.some((node) => node.type === "Conv");
  if (fix === "no" || !hasConvolution) return new Set();
  const chosen = fix === "all" ? undefined : firstConvolutions(view).union(aligned);
  const narrowed = quantizers.filter(({ kind, consumers }) =>
    kind === "weight" &&
    consumers.some(({ node, input }) => chosen ? chosen.has(node) : view.weightInput(view.node(node)) === input)
  );
  return new Set(narrowed.map(({ id }) => id));
}

/** The first convolutions on each path from the inputs; other operators with weights do not end a path. */
function firstConvolutions(view: GraphView): Set<string> {
  const found = new Set<string>();
  const seen = new Set<string>();
  const waiting = view.typed.graph.inputs.map((input) => input.name);
  while (waiting.length > 0) {
    for (const { node } of view.consumers(waiting.pop()!)) {
      if (seen.has(node.name)) continue;
      seen.add(node.name);
      if (node.type === "Conv") found.add(node.name);
      else waiting.push(...node.outputs);
    }
  }
  return found;
}
