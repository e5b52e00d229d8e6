/** The operators of a network one by one, as reports list them. */
import { type Assignment, FLOAT } from "../base/precision.ts";
import { isFloat } from "../base/tensor.ts";
import type { TypedGraph } from "../ops/infer.ts";
import type { Candidate } from "../quantize/candidate.ts";
import type { Prepared } from "../quantize/prepare.ts";
import { signalToNoise } from "../quantize/signal_to_noise.ts";
import { type LayerTime, type MeasuredLayers, UNMEASURED } from "./measured_layers.ts";

/** One operator after the passes: BatchNormalization is folded, constants are gone. */
export interface LayerDescription {
  /** Name of the node. */
  readonly name: string;
  /** Operator type. */
  readonly type: string;
  /** Multiply-accumulates per sample. */
  readonly macs: number;
  /** Elements of its float constants. */
  readonly parameters: number;
  /** Index of the group that it moves with; undefined for operators that are never quantized. */
  readonly group: number | undefined;
  /** Signal-to-noise ratio of its int8 weights in dB; undefined where it has none, or computes in float. */
  readonly weightSnr: number | undefined;
  /** Signal-to-noise ratio of its first output in dB, against the float network: Infinity where nothing differs; undefined where not measured. */
  readonly sqnr: number | undefined;
  /** Undefined where it was not measured, or is fused into another operator's kernel. */
  readonly time: LayerTime | undefined;
}

/** Describes the operators of `typed` in graph order, in the precision that `assignment` gives their groups. */
export function describeLayers(
  typed: TypedGraph,
  { prepared, candidates }: { readonly prepared: Prepared; readonly candidates: readonly Candidate[] },
  assignment: Assignment,
  measured: MeasuredLayers = UNMEASURED,
): LayerDescription[] {
  const groups = new Map(prepared.layout.groups.flatMap(({ id, nodes }) => nodes.map((node) => [node, id] as const)));
  const ratios = weightRatios(prepared, candidates, assignment);
  return typed.nodes.map(({ node, operator, attributes }) => {
    const inputs = node.inputs.map((name) => name === "" ? undefined : typed.types.get(name));
    const outputs = node.outputs.flatMap((name) => typed.types.get(name) ?? []);
    const constants = node.inputs.flatMap((name) => typed.graph.initializers.get(name) ?? []);
    return {
      name: node.name,
      type: node.type,
      macs: operator.macs?.(inputs, outputs, attributes) ?? 0,
      parameters: constants.reduce((sum, { dtype, data }) => isFloat(dtype) ? sum + data.length : sum, 0),
      group: groups.get(node.name),
      weightSnr: ratios.get(node.name),
      sqnr: measured.sqnr.get(node.name),
      time: measured.times.get(node.name),
    };
  });
}

/** Node → what its weights became in the candidate in force. */
function weightRatios(
  { layout, graph }: Prepared,
  candidates: readonly Candidate[],
  assignment: Assignment,
): Map<string, number> {
  const ratios = new Map<string, number>();
  for (const { id, kind, value, group, consumers } of layout.quantizers) {
    const candidate = candidates[assignment[group] ?? FLOAT];
    const [original, quantized] = [graph.initializers.get(value), candidate?.tensors.get(id)];
    if (kind !== "weight" || !original || !quantized) continue;
    const ratio = signalToNoise(original.data, quantized.data);
    for (const { node } of consumers) ratios.set(node, Math.min(ratio, ratios.get(node) ?? Infinity));
  }
  return ratios;
}
