/** Two graphs with the same inputs as one, so that one run over the samples computes both and nothing has to be kept. */
import type { TensorType } from "../base/tensor.ts";
import { ModelError } from "../base/errors.ts";
import { isFloat } from "../base/tensor.ts";
import type { Graph, Node } from "../graph/graph.ts";
import { inferTypes } from "../ops/infer.ts";
import { INTERNAL_DOMAIN } from "../ops/normalize_samples.ts";
import { sampleError } from "../ops/sample_error.ts";

/** A value that both graphs compute. */
export interface PairedValue {
  /** Its name in both. */
  readonly value: string;
  /** The node behind it in the first graph. */
  readonly node: Node;
  /** The node behind it in the second graph, as that graph names things. */
  readonly other: Node;
}

/** Both graphs in one; its outputs are errors, one per pair, in the order of `pairs`. */
export interface PairedGraph {
  readonly graph: Graph;
  readonly pairs: readonly PairedValue[];
}

/** Set behind the names of the second graph. */
const SUFFIX = "@2";

/**
 * Pairs float values of equal name and shape, batch first. The nodes of the second graph stand right behind those of the first whose
 * values they are compared with: then few values have to be kept at a time. Throws ModelError where the inputs differ or nothing pairs.
 */
export function pairGraphs(first: Graph, second: Graph, inputs: ReadonlyMap<string, TensorType>): PairedGraph {
  const renamed = renameGraph(second, inputNames(first, second));
  const [a, b] = [first, second].map((graph) => batchValues(graph, inputs));
  const others = new Map(second.nodes.flatMap((node) => node.outputs.map((value) => [value, node] as const)));
  const nodes: Node[] = [];
  const pairs: PairedValue[] = [];
  const pending = [...renamed.nodes];
  const made = new Set<string>();
  for (const node of first.nodes) {
    nodes.push(node);
    for (const value of node.outputs) {
      const other = others.get(value);
      if (!other || a!.get(value) === undefined || a!.get(value) !== b!.get(value)) continue;
      while (!made.has(value + SUFFIX)) {
        const next = pending.shift()!;
        nodes.push(next);
        for (const output of next.outputs) made.add(output);
      }
      pairs.push({ value, node, other });
      nodes.push(errorNode(value));
    }
  }
  if (pairs.length === 0) {
    throw new ModelError("Cannot compare networks: no value of the first has its like in the second");
  }
  return { graph: paired(first, renamed, nodes, pairs), pairs };
}

function paired(first: Graph, second: Graph, nodes: readonly Node[], pairs: readonly PairedValue[]): Graph {
  return {
    ...first,
    opset: Math.max(first.opset, second.opset),
    outputs: pairs.map(({ value }) => ({ name: errorName(value), dtype: "float32", shape: undefined })),
    initializers: new Map([...first.initializers, ...second.initializers]),
    nodes,
  };
}

function errorName(value: string): string {
  return `${value}/error`;
}

function errorNode(value: string): Node {
  return {
    name: errorName(value),
    type: sampleError.type,
    domain: INTERNAL_DOMAIN,
    inputs: [value, value + SUFFIX],
    outputs: [errorName(value)],
    attributes: new Map(),
  };
}

/** Input of the second graph → that of the first: of equal name, else at the same place. */
function inputNames(first: Graph, second: Graph): Map<string, string> {
  if (first.inputs.length !== second.inputs.length) {
    throw new ModelError(
      `Cannot compare networks: the second has ${second.inputs.length} inputs, expected ${first.inputs.length}`,
    );
  }
  return new Map(second.inputs.map(({ name }, place) => {
    const like = first.inputs.find((input) => input.name === name) ?? first.inputs[place]!;
    return [name, like.name] as const;
  }));
}

function renameGraph(graph: Graph, inputs: ReadonlyMap<string, string>): Graph {
  const rename = (name: string) => name === "" ? "" : inputs.get(name) ?? name + SUFFIX;
  return {
    ...graph,
    initializers: new Map([...graph.initializers].map(([name, tensor]) => [rename(name), tensor])),
    nodes: graph.nodes.map((node) => ({
      ...node,
      name: node.name + SUFFIX,
      inputs: node.inputs.map(rename),
      outputs: node.outputs.map(rename),
    })),
  };
}

/** Shapes of the float values whose first axis is the batch, as texts: others do not tell samples apart. */
function batchValues(graph: Graph, inputs: ReadonlyMap<string, TensorType>): Map<string, string> {
  const ofOne = inferTypes(graph, matchedInputs(graph, inputs, 1)).types;
  const ofTwo = inferTypes(graph, matchedInputs(graph, inputs, 2)).types;
  return new Map([...ofOne].flatMap(([name, one]) => {
    const two = ofTwo.get(name);
    const isRow = isFloat(one.dtype) && !one.value && one.shape[0] === 1 && two?.shape[0] === 2 &&
      one.shape.slice(1).every((extent, axis) => extent === two.shape[axis + 1]);
    return isRow ? [[name, `${one.dtype} ${one.shape.join()}`] as const] : [];
  }));
}

function matchedInputs(
  graph: Graph,
  inputs: ReadonlyMap<string, TensorType>,
  batch: number,
): Map<string, TensorType> {
  const types = [...inputs.values()];
  return new Map(graph.inputs.map(({ name }, place) => {
    const { dtype, shape } = inputs.get(name) ?? types[place]!;
    return [name, { dtype, shape: [batch * shape[0]!, ...shape.slice(1)] }];
  }));
}
