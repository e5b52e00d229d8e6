/** Replaces If, Loop and Attention by the nodes that they run, where that is known before anything runs. */
import { UnsupportedError } from "../base/errors.ts";
import { sameShape } from "../base/shape.ts";
import { formatShape, type HostTensor, hostTensor, knownType, type TensorType } from "../base/tensor.ts";
import type { AttributeValue } from "../graph/attributes.ts";
import { capturedBy } from "../graph/captures.ts";
import type { Graph, Node } from "../graph/graph.ts";
import { inferNode, isDataDependent } from "../ops/infer.ts";
import { findOperator } from "../ops/registry.ts";
import { resolveNode } from "../ops/resolve.ts";
import { expandAttention } from "./expand_attention.ts";

/** Operators that this pass replaces, with the opset that they came with. */
export const INLINED: ReadonlyMap<string, number> = new Map([["Attention", 23], ["If", 1], ["Loop", 1]]);

/** Most iterations that a Loop is unrolled to. */
const MAX_ITERATIONS = 4096;

/** Most nodes that inlining adds: loops in loops multiply. */
const MAX_ADDED = 100_000;

/**
 * Inlines control flow, given the types of the inputs. An If with a known condition becomes its branch; with another one, both
 * branches and a choice between their outputs, which must agree in shape. A Loop is unrolled as far as its trip count and conditions are known.
 * What reads values whose shapes depend on data stays as it is, for the host to inline once it has them.
 */
export function inlineControlFlow(graph: Graph, inputs: ReadonlyMap<string, TensorType>): Graph {
  if (!graph.nodes.some(isInlined)) return graph;
  const inliner = new Inliner(graph, inputs);
  for (const node of graph.nodes) inliner.add(node);
  return { ...graph, nodes: inliner.nodes, initializers: inliner.initializers };
}

/** Whether a node is one that this pass replaces. */
export function isInlined({ type, domain }: Node): boolean {
  return domain === "" && INLINED.has(type);
}

class Inliner {
  readonly nodes: Node[] = [];
  readonly initializers: Map<string, HostTensor>;
  readonly #opset: number;
  readonly #most: number;
  readonly #types: Map<string, TensorType>;

  constructor(graph: Graph, inputs: ReadonlyMap<string, TensorType>) {
    this.#opset = graph.opset;
    this.#most = graph.nodes.length + MAX_ADDED;
    this.initializers = new Map(graph.initializers);
    this.#types = new Map([
      ...inputs,
      ...[...graph.initializers].map(([name, tensor]) => [name, knownType(tensor)] as const),
    ]);
  }

  add(node: Node): void {
    if (this.nodes.length >= this.#most) {
      throw new UnsupportedError(`Cannot inline control flow: it has more than ${MAX_ADDED} nodes in all iterations`);
    }
    if (!isInlined(node)) this.#push(node);
    else if (!this.#hasTypes([...node.inputs, ...capturedBy(node)])) this.nodes.push(node);
    else if (node.type === "If") this.#addIf(node);
    else if (node.type === "Attention") this.#addAttention(node);
    else this.#addLoop(node);
  }

  #hasTypes(names: readonly string[]): boolean {
    return names.every((name) => name === "" || this.#types.has(name));
  }

  /**
   * Keeps a node; its types stay unknown where they depend on data, or where it is not supported, which is told later with everything
   * else that is not.
   */
  #push(node: Node): void {
    this.nodes.push(node);
    if (!this.#hasTypes(node.inputs) || !findOperator(node.type, node.domain, this.#opset)) return;
    const inputs = node.inputs.map((name) => name === "" ? undefined : this.#types.get(name));
    const resolved = resolveNode(node, this.#opset);
    if (isDataDependent(resolved, inputs)) return;
    const outputs = inferNode(resolved, inputs);
    node.outputs.forEach((name, place) => name !== "" && this.#types.set(name, outputs[place]!));
  }

  #addAttention(node: Node): void {
    if (this.#opset < INLINED.get(node.type)!) {
      throw new UnsupportedError(`Cannot expand Attention node "${node.name}": not supported in opset ${this.#opset}`);
    }
    const { nodes, constants } = expandAttention(node, this.#types);
    for (const [name, tensor] of constants) this.#constant(name, tensor);
    for (const one of nodes) this.#push(one);
  }

  #addIf(node: Node): void {
    const [condition] = node.inputs;
    const branches = ["then_branch", "else_branch"].map((name) => bodyOf(node, name));
    const known = this.#types.get(condition!)?.value?.[0];
    if (known !== undefined) {
      const outputs = this.#inline(branches[known ? 0 : 1]!, node.name, []);
      node.outputs.forEach((name, place) => this.#alias(name, outputs[place]!));
      return;
    }
    const before = this.nodes.length;
    const [yes, no] = branches.map((branch, place) =>
      this.#inline(branch, `${node.name}/${place ? "else" : "then"}`, [])
    );
    if (!this.#hasTypes([...yes!, ...no!])) {
      this.nodes.length = before;
      this.nodes.push(node);
      return;
    }
    node.outputs.forEach((name, place) => {
      const [a, b] = [this.#types.get(yes![place]!)!, this.#types.get(no![place]!)!];
      if (!sameShape(a.shape, b.shape)) {
        throw new UnsupportedError(
          `Cannot inline If node "${node.name}": its branches give ${formatShape(a.shape)} and ${
            formatShape(b.shape)
          }, ` +
            "expected one shape where the condition is computed at run time",
        );
      }
      this.#push(plainNode("Where", `${node.name}/choose${place}`, [condition!, yes![place]!, no![place]!], [name]));
    });
  }

  #addLoop(node: Node): void {
    const [tripName = "", conditionName = "", ...initial] = node.inputs;
    const body = bodyOf(node, "body");
    const trips = tripName === "" ? Infinity : this.#knownScalar(tripName, node, "its trip count");
    let goesOn = conditionName === "" || this.#knownScalar(conditionName, node, "its condition") !== 0;
    let carried: readonly string[] = initial;
    const scans: string[][] = body.outputs.slice(1 + initial.length).map(() => []);
    let iteration = 0;
    for (; goesOn && iteration < trips; iteration++) {
      if (iteration >= MAX_ITERATIONS) {
        throw new UnsupportedError(`Cannot unroll Loop node "${node.name}": more than ${MAX_ITERATIONS} iterations`);
      }
      const prefix = `${node.name}/${iteration}`;
      const counter = this.#constant(`${prefix}/iteration`, hostTensor("int64", [], [iteration]));
      const going = this.#constant(`${prefix}/condition`, hostTensor("bool", [], [1]));
      const [next, ...outputs] = this.#inline(body, prefix, [counter, going, ...carried]);
      carried = outputs.slice(0, initial.length);
      scans.forEach((scan, place) => scan.push(outputs[initial.length + place]!));
      goesOn = this.#knownScalar(next!, node, "its condition after an iteration") !== 0;
    }
    node.outputs.forEach((name, place) => {
      if (name === "") return;
      if (place < initial.length) this.#alias(name, carried[place]!);
      else this.#stack(name, scans[place - initial.length]!, node);
    });
  }

  /** Scan outputs of all iterations along a new first axis. */
  #stack(output: string, parts: readonly string[], node: Node): void {
    if (parts.length === 0) {
      throw new UnsupportedError(`Cannot unroll Loop node "${node.name}": it has no iterations to scan`);
    }
    const rows = parts.map((part, place) => {
      const type = this.#types.get(part);
      if (!type) {
        throw new UnsupportedError(`Cannot unroll Loop node "${node.name}": the shape of "${part}" is not known`);
      }
      const shape = this.#constant(
        `${output}/row_shape`,
        hostTensor("int64", [type.shape.length + 1], [1, ...type.shape]),
      );
      const row = `${output}/row${place}`;
      this.#push(plainNode("Reshape", row, [part, shape], [row]));
      return row;
    });
    this.#push({
      ...plainNode("Concat", `${output}/stack`, rows, [output]),
      attributes: new Map([["axis", { type: "int", value: 0 }]]),
    });
  }

  /** Adds the nodes of a body under prefixed names; gives the names of its outputs. Values from around it keep their names. */
  #inline(body: Graph, prefix: string, inputs: readonly string[]): string[] {
    const names = new Map<string, string>();
    body.inputs.forEach((input, place) => names.set(input.name, inputs[place]!));
    for (const [name, tensor] of body.initializers) {
      names.set(name, this.#constant(`${prefix}/${name}`, tensor));
    }
    const rename = (name: string) => name === "" ? "" : names.get(name) ?? name;
    for (const node of body.nodes) {
      for (const output of node.outputs) if (output !== "") names.set(output, `${prefix}/${output}`);
      this.add({
        ...node,
        name: `${prefix}/${node.name}`,
        inputs: node.inputs.map(rename),
        outputs: node.outputs.map(rename),
        attributes: renameCaptures(node, rename),
      });
    }
    return body.outputs.map(({ name }) => rename(name));
  }

  #constant(name: string, tensor: HostTensor): string {
    this.initializers.set(name, tensor);
    this.#types.set(name, knownType(tensor));
    return name;
  }

  #alias(name: string, source: string): void {
    if (name !== "") this.#push(plainNode("Identity", `${name}/alias`, [source], [name]));
  }

  #knownScalar(name: string, node: Node, what: string): number {
    const value = this.#types.get(name)?.value?.[0];
    if (value === undefined) {
      throw new UnsupportedError(
        `Cannot unroll Loop node "${node.name}": ${what} is computed at run time, expected a constant`,
      );
    }
    return value;
  }
}

function plainNode(type: string, name: string, inputs: readonly string[], outputs: readonly string[]): Node {
  return { name, type, domain: "", inputs, outputs, attributes: new Map() };
}

function bodyOf(node: Node, name: string): Graph {
  const attribute = node.attributes.get(name);
  if (attribute?.type !== "graph") {
    throw new UnsupportedError(`Cannot inline ${node.type} node "${node.name}": attribute "${name}" is missing`);
  }
  return attribute.value;
}

/** Bodies inside a body read the renamed values of what surrounds them; their own names shadow. */
function renameCaptures(node: Node, rename: (name: string) => string): Node["attributes"] {
  return new Map([...node.attributes].map(([key, attribute]): [string, AttributeValue] => {
    if (attribute.type !== "graph") return [key, attribute];
    const body = attribute.value;
    const own = new Set([
      ...body.inputs.map((input) => input.name),
      ...body.initializers.keys(),
      ...body.nodes.flatMap((inner) => inner.outputs),
    ]);
    const outer = (name: string) => own.has(name) ? name : rename(name);
    const nodes = body.nodes.map((inner) => ({
      ...inner,
      inputs: inner.inputs.map(outer),
      attributes: renameCaptures(inner, outer),
    }));
    const outputs = body.outputs.map((output) => ({ ...output, name: outer(output.name) }));
    return [key, { type: "graph", value: { ...body, nodes, outputs } }];
  }));
}
