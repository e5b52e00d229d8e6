/** Which outputs metrics look at, reduced on the GPU where that is enough for them: read-backs cost more than reductions. */
import { elementCount, type HostTensor, hostTensor, type TensorType } from "../base/tensor.ts";
import { normalizeAxis } from "../base/shape.ts";
import type { Graph, Node } from "../graph/graph.ts";
import type { PlanOutput } from "../plan/plan.ts";
import type { Metric, Reduction } from "./metric.ts";

/** What is read back of every sample, and what of it each metric gets. */
export interface OutputViews {
  /** Names of plan outputs, in the order in which a runner is to collect them. */
  readonly collected: readonly string[];
  /** The form in which the metric at `place` sees collected outputs. */
  viewOf(place: number, outputs: readonly HostTensor[]): readonly HostTensor[];
}

/** Adds the reductions that metrics ask for as outputs of the graph. `outputs` are types with any batch size, batch axis first. */
export function withReductions(graph: Graph, outputs: readonly TensorType[], metrics: readonly Metric[]): Graph {
  const [first] = graph.outputs;
  const reductions = metrics.map((metric) => reductionOf(metric, outputs[0])).filter((one) => one !== undefined);
  if (!first || reductions.length === 0) return graph;
  const nodes = new Map(reductions.map((reduction): [string, Node] => {
    const name = reducedName(first.name, reduction);
    return [name, {
      name,
      type: "ArgMax",
      domain: "",
      inputs: [first.name],
      outputs: [name],
      attributes: new Map([
        ["axis", { type: "int", value: reduction.axis + 1 }],
        ["keepdims", { type: "int", value: 0 }],
      ]),
    }];
  }));
  const added = [...nodes.keys()].map((name) => ({ name, dtype: "int64" as const, shape: undefined }));
  return { ...graph, outputs: [...graph.outputs, ...added], nodes: [...graph.nodes, ...nodes.values()] };
}

/** The views of metrics on a plan; what the plan does not reduce is reduced here. */
export function outputViews(outputs: readonly PlanOutput[], metrics: readonly Metric[]): OutputViews {
  const [first] = outputs;
  const own = networkOutputs(outputs);
  const views = metrics.map((metric) => {
    const reduction = reductionOf(metric, first?.type);
    const name = reduction && first && reducedName(first.name, reduction);
    const isReduced = outputs.some((output) => output.name === name);
    return { reduction, names: name !== undefined && isReduced ? [name] : own, isReduced };
  });
  const collected = [...new Set(views.flatMap(({ names }) => names))];
  return {
    collected,
    viewOf(place, tensors) {
      const { reduction, names, isReduced } = views[place]!;
      const isAll = names.length === collected.length && names.every((name, index) => name === collected[index]);
      const seen = isAll ? tensors : names.map((name) => tensors[collected.indexOf(name)]!);
      return reduction && !isReduced ? [argMaxAlong(seen[0]!, reduction.axis), ...seen.slice(1)] : seen;
    },
  };
}

/** Names of the outputs that the network itself has. */
export function networkOutputs(outputs: readonly PlanOutput[]): string[] {
  return outputs.map(({ name }) => name).filter((name) => !name.includes(REDUCED));
}

/** Marks outputs that are no outputs of the network; no ONNX value of a network has it in its name. */
const REDUCED = "/holdfast_arg_max_";

function reducedName(output: string, { axis }: Reduction): string {
  return `${output}${REDUCED}${axis}`;
}

/** With an axis that is not negative. */
function reductionOf(metric: Metric, output: TensorType | undefined): Reduction | undefined {
  if (!output) return undefined;
  const shape = output.shape.slice(1);
  const reduction = metric.reduction?.({ dtype: output.dtype, shape });
  return reduction && { ...reduction, axis: normalizeAxis(reduction.axis, shape.length) };
}

/** Places of the highest values, the first among equals. */
function argMaxAlong({ shape, data }: HostTensor, axis: number): HostTensor {
  const inner = elementCount(shape.slice(axis + 1));
  const extent = shape[axis]!;
  const places = Array.from({ length: data.length / extent }, (_, index) => {
    const start = Math.floor(index / inner) * extent * inner + index % inner;
    let best = 0;
    for (let one = 1; one < extent; one++) if (data[start + one * inner]! > data[start + best * inner]!) best = one;
    return best;
  });
  return hostTensor("int64", shape.filter((_, one) => one !== axis), places);
}
