/** What a model is made of, and what quantization would make of it. Needs no GPU. */
import { UnsupportedError, UsageError } from "../base/errors.ts";
import { elementCount, isFloat, type TensorType } from "../base/tensor.ts";
import type { Graph, Node, ValueInfo } from "../graph/graph.ts";
import type { Group } from "../graph/quantizer.ts";
import { inferTypes } from "../ops/infer.ts";
import { nodeMacs } from "../ops/node_macs.ts";
import { findOperator } from "../ops/registry.ts";
import { splitTail } from "../passes/host_tail.ts";
import { inlineControlFlow, isInlined } from "../passes/inline_control_flow.ts";
import { runPasses } from "../passes/run_passes.ts";
import { prepare, type PrepareOptions } from "../quantize/prepare.ts";
import type { Model } from "./model.ts";

/** How often a model uses an operator. */
export interface OperatorCount {
  /** Operator type. */
  readonly type: string;
  /** "" for the ONNX domain. */
  readonly domain: string;
  /** Nodes of the type. */
  readonly count: number;
  /** Whether it can be computed. */
  readonly isSupported: boolean;
  /** How many of them run on the host, since shapes behind them depend on data. */
  readonly onHost: number;
}

/** A group of layers that move together, with its work per sample. */
export interface GroupDescription extends Group {
  /** Share of the network's multiply-accumulates, 0 to 1. */
  readonly macs: number;
}

/** What there is to know of a model without running it. */
export interface Inspection {
  /** Name of the model. */
  readonly model: string;
  /** Size of the file in bytes. */
  readonly byteLength: number;
  /** Version of the operator set. */
  readonly opset: number;
  /** Version of the file format. */
  readonly irVersion: number;
  /** Program that wrote the file; may be empty. */
  readonly producer: string;
  /** Inputs of the network. */
  readonly inputs: readonly ValueInfo[];
  /** Outputs of the network. */
  readonly outputs: readonly ValueInfo[];
  /** Most frequent first. */
  readonly operators: readonly OperatorCount[];
  /** Elements of all floating-point initializers. */
  readonly parameters: number;
  /** Of one sample; undefined where shapes cannot be known. */
  readonly macs: number | undefined;
  /** Undefined where the network cannot be planned. */
  readonly groups: readonly GroupDescription[] | undefined;
  /** Quantizable nodes that stay in float, and why. */
  readonly skipped: Readonly<Record<string, string>>;
  /** Why macs or groups are missing. */
  readonly problem: string | undefined;
}

/** Input name → shape, batch axis included. */
export type InputShapes = ReadonlyMap<string, readonly number[]>;

/**
 * Inspects a model. Symbolic extents count as 1 unless `shapes` gives the input's shape; what is not supported is listed, not thrown.
 *
 * ```ts
 * import { inspectModel, loadModel } from "@holdfast/holdfast";
 *
 * const { operators, groups } = inspectModel(await loadModel("model.onnx"));
 * console.log(operators, groups?.map(({ name }) => name));
 * ```
 */
export function inspectModel(model: Model, shapes: InputShapes = new Map(), options: PrepareOptions = {}): Inspection {
  const { graph } = model;
  const types = inputTypes(graph, shapes);
  const { hostNodes, ...analysis } = analyse(graph, types, options);
  return {
    model: model.name,
    byteLength: model.byteLength,
    opset: graph.opset,
    irVersion: graph.metadata.irVersion,
    producer: [graph.metadata.producerName, graph.metadata.producerVersion].filter(Boolean).join(" "),
    inputs: graph.inputs,
    outputs: graph.outputs,
    operators: countOperators(graph, hostNodes),
    parameters: [...graph.initializers.values()].reduce(
      (sum, { dtype, data }) => isFloat(dtype) ? sum + data.length : sum,
      0,
    ),
    ...analysis,
  };
}

function inputTypes(graph: Graph, shapes: InputShapes): Map<string, TensorType> {
  for (const name of shapes.keys()) {
    if (graph.inputs.some((input) => input.name === name)) continue;
    throw new UsageError(
      `Cannot use input shape of "${name}": the network has ${
        graph.inputs.map((input) => `"${input.name}"`).join(", ")
      }`,
    );
  }
  return new Map(graph.inputs.map(({ name, dtype, shape }) => {
    const own = (shape ?? []).map((extent) => typeof extent === "number" ? extent : 1);
    return [name, { dtype, shape: shapes.get(name) ?? own }];
  }));
}

interface Analysis extends Pick<Inspection, "macs" | "groups" | "skipped" | "problem"> {
  /** Nodes that run on the host; undefined where that could not be found out. */
  readonly hostNodes: readonly Node[] | undefined;
}

function analyse(graph: Graph, types: ReadonlyMap<string, TensorType>, options: PrepareOptions): Analysis {
  const none = { macs: undefined, groups: undefined, skipped: {}, hostNodes: undefined };
  const free = graph.inputs.find(({ shape }) => shape === undefined);
  if (free && types.get(free.name)?.shape.length === 0) {
    return {
      ...none,
      problem: `Input "${free.name}" states no shape; give one with --input-shape ${free.name}=1x3x224x224`,
    };
  }
  try {
    const { device, tail } = splitTail(inlineControlFlow(graph, types), types);
    const typed = inferTypes(runPasses(device, types), types);
    const macsOf = nodeMacs(typed);
    const { layout, skipped } = prepare(typed, options);
    return {
      macs: [...macsOf.values()].reduce((sum, macs) => sum + macs, 0),
      groups: layout.groups.map((group) => ({
        ...group,
        macs: group.nodes.reduce((sum, node) => sum + (macsOf.get(node) ?? 0), 0),
      })),
      skipped: Object.fromEntries(skipped),
      problem: undefined,
      hostNodes: tail?.graph.nodes ?? [],
    };
  } catch (error) {
    if (!(error instanceof Error) || error instanceof UsageError) throw error;
    const isListed = error instanceof UnsupportedError && error.reasons.length > 0;
    return { ...none, problem: isListed ? undefined : error.message };
  }
}

function countOperators(graph: Graph, hostNodes: readonly Node[] | undefined): OperatorCount[] {
  const counts = new Map<string, OperatorCount>();
  const onHost = new Set(hostNodes?.map((node) => node.name));
  for (const node of graph.nodes) {
    const { type, domain } = node;
    const key = `${domain}:${type}`;
    const before = counts.get(key) ?? { count: 0, onHost: 0 };
    // What is inlined is supported where that could be done, or waits for data.
    const isSupported = findOperator(type, domain, graph.opset) !== undefined ||
      (isInlined(node) && hostNodes !== undefined);
    const hosted = before.onHost + (onHost.has(node.name) ? 1 : 0);
    counts.set(key, { type, domain, isSupported, count: before.count + 1, onHost: hosted });
  }
  return [...counts.values()].sort((a, b) => b.count - a.count || (a.type < b.type ? -1 : 1));
}

/** @internal Parses `name=1x3x224x224`; throws UsageError for anything else. */
export function parseInputShape(text: string): [string, readonly number[]] {
  const [, name, shape] = /^(.+)=(\d+(?:x\d+)*)?$/.exec(text) ?? [];
  if (name === undefined) throw new UsageError(`Cannot use input shape "${text}": expected name=1x3x224x224`);
  const extents = (shape ?? "").split("x").filter(Boolean).map(Number);
  if (!Number.isSafeInteger(elementCount(extents))) {
    throw new UsageError(`Cannot use input shape "${text}": its elements cannot be counted`);
  }
  return [name, extents];
}
