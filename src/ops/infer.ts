/** Types of every value of a graph, and the contents of those that follow from constants and shapes alone. */
import { ModelError } from "../base/errors.ts";
import { formatShape, knownType, type TensorType } from "../base/tensor.ts";
import type { Graph } from "../graph/graph.ts";
import { isForHost } from "./host_size.ts";
import type { Operands } from "./op.ts";
import { type ResolvedNode, resolveNodes, withNode } from "./resolve.ts";

/** A graph whose every value has a static type. */
export interface TypedGraph {
  readonly graph: Graph;
  readonly nodes: readonly ResolvedNode[];
  readonly types: ReadonlyMap<string, TensorType>;
}

/**
 * Infers all types from those of the inputs. A node whose inputs are all known is evaluated on the host by its
 * reference, so that shape arithmetic never reaches the GPU.
 */
export function inferTypes(graph: Graph, inputs: ReadonlyMap<string, TensorType>): TypedGraph {
  const types = new Map<string, TensorType>(inputs);
  for (const [name, tensor] of graph.initializers) types.set(name, knownType(tensor));
  const nodes = resolveNodes(graph);
  for (const resolved of nodes) {
    const outputs = inferNode(resolved, resolved.node.inputs.map((name) => name === "" ? undefined : typeOf(name)));
    resolved.node.outputs.forEach((name, place) => {
      if (name !== "") types.set(name, outputs[place]!);
    });
  }
  return { graph, nodes, types };

  function typeOf(name: string): TensorType {
    const type = types.get(name);
    if (!type) throw new ModelError(`Cannot infer types: value "${name}" has no producer`);
    return type;
  }
}

/** Whether the shapes of a node's outputs follow from contents that are not known yet. */
export function isDataDependent({ operator }: ResolvedNode, inputs: Operands<TensorType>): boolean {
  return (operator.dataDependent ?? []).some((place) => inputs[place] && !inputs[place].value);
}

/** Output types of one node, with values where all inputs are known, unless that is too much for the host. */
export function inferNode({ node, operator, attributes }: ResolvedNode, inputs: Operands<TensorType>): TensorType[] {
  return withNode("infer output", node, () => {
    const outputs = operator.infer(inputs, attributes);
    if (outputs.length < node.outputs.length) {
      throw new ModelError(`found ${node.outputs.length} outputs, expected at most ${outputs.length}`);
    }
    for (const { shape } of outputs) {
      if (!shape.every((extent) => Number.isInteger(extent) && extent >= 0)) {
        throw new ModelError(`its shape would be ${formatShape(shape)}`);
      }
    }
    if (outputs.every((output) => output.value) || !inputs.every((input) => !input || input.value)) return outputs;
    if (!isForHost(inputs, outputs, operator.macs?.(inputs, outputs, attributes) ?? 0)) return outputs;
    const known = inputs.map((input) => input && { dtype: input.dtype, shape: input.shape, data: input.value! });
    return operator.reference(known, attributes).map(knownType);
  });
}
