/**
 * Changes to the constants of a float network that cancel each other out. Every changed constant is a new initializer, so that
 * nodes that share the original keep theirs, and so that layers which end up in float can have it back.
 */
import { type Assignment, FLOAT } from "../base/precision.ts";
import { type HostTensor, hostTensor } from "../base/tensor.ts";
import { freshNames, removeDeadNodes, withInitializers, withNodes } from "../graph/edit.ts";
import type { Graph, Node } from "../graph/graph.ts";
import type { QuantizerLayout } from "../graph/quantizer.ts";
import type { GraphView } from "./graph_view.ts";
import { operandKey } from "./groups.ts";

/** Nodes whose changes only cancel out together: all of them have the original constants, or none. */
export type EditedSet = ReadonlySet<string>;

/** A network after edits. */
export interface EditedNetwork {
  readonly graph: Graph;
  readonly sets: readonly EditedSet[];
  /** New value → what stood in its place; "" for nothing. */
  readonly originals: ReadonlyMap<string, string>;
  /** Initializers of the network before. */
  readonly initializers: ReadonlyMap<string, HostTensor>;
  /** Names of nodes that were not there before; they compute in float. */
  readonly inserted: ReadonlySet<string>;
}

/** Collects edits; the view keeps showing the network before. */
export class WeightEdits {
  readonly #graph: Graph;
  readonly #nameOf: (wanted: string) => string;
  /** Operand → the value that it reads now. */
  readonly #reads = new Map<string, string>();
  readonly #tensors = new Map<string, HostTensor>();
  readonly #originals = new Map<string, string>();
  /** Inserted nodes by the node that they stand before. */
  readonly #inserted = new Map<string, Node[]>();
  readonly #sets: Set<string>[] = [];

  constructor(view: GraphView) {
    this.#graph = view.typed.graph;
    this.#nameOf = freshNames(this.#graph);
  }

  /** What a constant operand holds by now; undefined where the node has no such operand, or it is not constant. */
  constant(node: Node, input: number): HostTensor | undefined {
    const value = this.#reads.get(operandKey(node.name, input)) ?? node.inputs[input] ?? "";
    return this.#tensors.get(value) ?? this.#graph.initializers.get(value);
  }

  /** Gives an operand a constant of its own; one that is absent becomes an operand. */
  setConstant(node: Node, input: number, shape: readonly number[], data: ArrayLike<number>): void {
    const key = operandKey(node.name, input);
    const original = node.inputs[input] ?? "";
    const known = this.#reads.get(key);
    const name = known ?? this.#nameOf(original === "" ? `${node.name}_bias` : `${original}_equalized`);
    this.#tensors.set(name, hostTensor("float32", shape, data));
    this.#reads.set(key, name);
    this.#originals.set(name, original);
  }

  /** Makes operands read `value` times a constant of its last axis. All of them belong to nodes behind `first`, or to it. */
  insertProduct(
    value: string,
    factors: Float64Array,
    first: Node,
    operands: readonly { readonly node: Node; readonly input: number }[],
  ): void {
    const [output, constant] = [this.#nameOf(`${value}_smoothed`), this.#nameOf(`${value}_factors`)];
    const node: Node = {
      name: this.#nameOf(`${value}_smooth`),
      type: "Mul",
      domain: "",
      inputs: [value, constant],
      outputs: [output],
      attributes: new Map(),
    };
    this.#tensors.set(constant, hostTensor("float32", [factors.length], factors));
    this.#inserted.set(first.name, [...this.#inserted.get(first.name) ?? [], node]);
    this.#originals.set(output, value);
    for (const { node: reader, input } of operands) this.#reads.set(operandKey(reader.name, input), output);
  }

  /** Says that the changes of these nodes cancel out. */
  link(nodes: readonly Node[]): void {
    const merged = new Set(nodes.map(({ name }) => name));
    for (const other of this.#sets.filter((set) => !set.isDisjointFrom(merged))) {
      for (const name of other) merged.add(name);
      this.#sets.splice(this.#sets.indexOf(other), 1);
    }
    this.#sets.push(merged);
  }

  /** The network with all edits made. */
  finish(): EditedNetwork {
    const nodes = this.#graph.nodes.flatMap((node) => {
      const count = Math.max(node.inputs.length, 3);
      const inputs = Array.from(
        { length: count },
        (_, input) => this.#reads.get(operandKey(node.name, input)) ?? node.inputs[input] ?? "",
      );
      return [...this.#inserted.get(node.name) ?? [], { ...node, inputs: withoutTrailing(inputs, node.inputs.length) }];
    });
    return {
      graph: withNodes(withInitializers(this.#graph, this.#tensors), nodes),
      sets: this.#sets,
      originals: this.#originals,
      initializers: this.#graph.initializers,
      inserted: new Set([...this.#inserted.values()].flat().map(({ name }) => name)),
    };
  }
}

/**
 * Gives sets whose nodes are all in float under an assignment what they had before the edits. `graph` was made from that of `edited`
 * and has its nodes under their names.
 */
export function restoreFloat(
  graph: Graph,
  { sets, originals, initializers }: EditedNetwork,
  { groups }: QuantizerLayout,
  assignment: Assignment,
): Graph {
  const quantized = new Set(groups.flatMap(({ id, nodes }) => (assignment[id] ?? FLOAT) === FLOAT ? [] : nodes));
  const restored = new Set(sets.filter((set) => set.isDisjointFrom(quantized)).flatMap((set) => [...set]));
  if (restored.size === 0) return graph;
  const again = new Map<string, HostTensor>();
  const nodes = graph.nodes.map((node) => {
    if (!restored.has(node.name)) return node;
    const inputs = node.inputs.map((value) => {
      const original = originals.get(value) ?? value;
      const tensor = original === value ? undefined : initializers.get(original);
      if (tensor) again.set(original, tensor);
      return original;
    });
    return { ...node, inputs: withoutTrailing(inputs, 0) };
  });
  return removeDeadNodes(withInitializers({ ...graph, nodes }, again));
}

/** Without absent inputs at the end, as far as there are more than `least`. */
function withoutTrailing(inputs: readonly string[], least: number): string[] {
  const kept = [...inputs];
  while (kept.length > least && kept.at(-1) === "") kept.pop();
  return kept;
}
