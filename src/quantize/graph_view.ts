/** A graph with its edges indexed, as placement asks for them. */
import type { TensorType } from "../base/tensor.ts";
import { isFloat } from "../base/tensor.ts";
import { capturedBy } from "../graph/captures.ts";
import type { Node } from "../graph/graph.ts";
import type { TypedGraph } from "../ops/infer.ts";
import type { ResolvedNode } from "../ops/resolve.ts";

/** One operand of a node. */
export interface Edge {
  readonly node: Node;
  readonly input: number;
}

/** Read-only index over a typed graph. */
export class GraphView {
  readonly typed: TypedGraph;
  readonly #producers = new Map<string, Node>();
  readonly #consumers = new Map<string, Edge[]>();
  readonly #resolved = new Map<string, ResolvedNode>();
  readonly #order = new Map<string, number>();
  /** Values that leave the graph, or that a control-flow body reads: nothing is known of what happens to them. */
  readonly #escaping: Set<string>;

  constructor(typed: TypedGraph) {
    this.typed = typed;
    this.#escaping = new Set(typed.graph.outputs.map((output) => output.name));
    typed.nodes.forEach((resolved, index) => {
      const { node } = resolved;
      this.#resolved.set(node.name, resolved);
      this.#order.set(node.name, index);
      for (const output of node.outputs) this.#producers.set(output, node);
      node.inputs.forEach((value, input) => {
        if (value === "") return;
        const edges = this.#consumers.get(value);
        if (edges) edges.push({ node, input });
        else this.#consumers.set(value, [{ node, input }]);
      });
      for (const name of capturedBy(node)) this.#escaping.add(name);
    });
  }

  /** Nodes in graph order. */
  get nodes(): readonly Node[] {
    return this.typed.graph.nodes;
  }

  /** The node behind a value; undefined for inputs and initializers. */
  producer(value: string): Node | undefined {
    return this.#producers.get(value);
  }

  /** Operands that read a value, in graph order. */
  consumers(value: string): readonly Edge[] {
    return this.#consumers.get(value) ?? [];
  }

  /** The only reader of a value, where there is one and the value does not leave the graph. */
  onlyConsumer(value: string): Node | undefined {
    const edges = this.consumers(value);
    return edges.length === 1 && !this.#escaping.has(value) ? edges[0]!.node : undefined;
  }

  resolved(node: Node): ResolvedNode {
    const resolved = this.#resolved.get(node.name);
    if (!resolved) throw new RangeError(`Cannot find node "${node.name}": it is not in the graph`);
    return resolved;
  }

  /** The node of a name. */
  node(name: string): Node {
    const found = this.#resolved.get(name);
    if (!found) throw new RangeError(`Cannot find node "${name}": it is not in the graph`);
    return found.node;
  }

  /** Position of a node in graph order. */
  order(name: string): number {
    return this.#order.get(name) ?? -1;
  }

  /** Whether a value is a graph output or read inside a control-flow body. */
  escapes(value: string): boolean {
    return this.#escaping.has(value);
  }

  isConstant(value: string | undefined): boolean {
    return value !== undefined && this.typed.graph.initializers.has(value);
  }

  isGraphInput(value: string): boolean {
    return this.typed.graph.inputs.some((input) => input.name === value);
  }

  type(value: string): TensorType | undefined {
    return this.typed.types.get(value);
  }

  /** Whether a value can carry a quantizer: floating point, and not shape arithmetic that is known beforehand. */
  isQuantizableValue(value: string): boolean {
    const type = this.type(value);
    return type !== undefined && isFloat(type.dtype) && (type.value === undefined || this.isConstant(value));
  }

  /** The input that holds constant weights, of operators with weights. */
  weightInput(node: Node): number | undefined {
    const { quant } = this.resolved(node).operator;
    const input = quant.kind === "inputs_quantizable" ? quant.weight?.input : undefined;
    return input !== undefined && this.isConstant(node.inputs[input]) ? input : undefined;
  }
}
