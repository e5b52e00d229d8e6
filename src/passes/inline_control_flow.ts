/** Replaces If, Loop, Scan and Attention by the nodes that they run, where that is known before anything runs. */
import { ModelError, UnsupportedError } from "../base/errors.ts";
import { normalizeAxis, sameShape } from "../base/shape.ts";
import { formatShape, type HostTensor, hostTensor, knownType, type TensorType } from "../base/tensor.ts";
import { AttributeReader } from "../graph/attributes.ts";
import { capturedBy } from "../graph/captures.ts";
import type { Graph, Node } from "../graph/graph.ts";
import { inferNode, isDataDependent } from "../ops/infer.ts";
import { findOperator } from "../ops/registry.ts";
import { resolveNode } from "../ops/resolve.ts";
import { bodyOf, plainNode, renameCaptures } from "./bodies.ts";
import { expandAttention } from "./expand_attention.ts";

/** Operators that this pass replaces, with the opset that they came with. */
export const INLINED: ReadonlyMap<string, number> = new Map([["Attention", 23], ["If", 1], ["Loop", 1], ["Scan", 9]]);

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
    else if (this.#opset < INLINED.get(node.type)!) {
      throw new UnsupportedError(
        `Cannot inline ${node.type} node "${node.name}": not supported in opset ${this.#opset}`,
      );
    } else if (!this.#hasTypes([...node.inputs, ...capturedBy(node)])) this.nodes.push(node);
    else if (node.type === "If") this.#addIf(node);
    else if (node.type === "Attention") this.#addAttention(node);
    else if (node.type === "Scan") this.#addScan(node);
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

  /** One iteration per element along the scanned axes, which must be as long. */
  #addScan(node: Node): void {
    const raw = new AttributeReader(node.attributes);
    const count = raw.int("num_scan_inputs", 0);
    const states = node.inputs.length - count;
    const scanned = node.inputs.slice(states);
    const body = bodyOf(node, "body");
    const results = body.outputs.length - states;
    if (count < 1 || states < 0 || results < 0 || body.inputs.length !== node.inputs.length) {
      throw new ModelError(
        `Cannot unroll Scan node "${node.name}": found ${node.inputs.length} inputs, ${count} of them scanned, and a body of ` +
          `${body.inputs.length} inputs and ${body.outputs.length} outputs`,
      );
    }
    const listOf = (name: string, length: number) => raw.numbers(name) ?? new Array<number>(length).fill(0);
    const [inputAxes, inputDirections] = [listOf("scan_input_axes", count), listOf("scan_input_directions", count)];
    const [outputAxes, outputDirections] = [
      listOf("scan_output_axes", results),
      listOf("scan_output_directions", results),
    ];
    const axes = scanned.map((name, place) =>
      normalizeAxis(inputAxes[place] ?? 0, this.#types.get(name)!.shape.length)
    );
    const extents = scanned.map((name, place) => this.#types.get(name)!.shape[axes[place]!]!);
    const [trips] = extents as [number];
    if (extents.some((extent) => extent !== trips)) {
      throw new ModelError(
        `Cannot unroll Scan node "${node.name}": its scanned axes have ${extents.join(", ")} elements`,
      );
    }
    if (trips > MAX_ITERATIONS) {
      throw new UnsupportedError(`Cannot unroll Scan node "${node.name}": more than ${MAX_ITERATIONS} iterations`);
    }
    let carried: readonly string[] = node.inputs.slice(0, states);
    const rows: string[][] = Array.from({ length: results }, () => []);
    for (let iteration = 0; iteration < trips; iteration++) {
      const prefix = `${node.name}/${iteration}`;
      const elements = scanned.map((name, place) => {
        const at = inputDirections[place] ? trips - 1 - iteration : iteration;
        return this.#element(`${prefix}/scanned${place}`, name, axes[place]!, at);
      });
      const outputs = this.#inline(body, prefix, [...carried, ...elements]);
      carried = outputs.slice(0, states);
      rows.forEach((parts, place) => {
        if (outputDirections[place]) parts.unshift(outputs[states + place]!);
        else parts.push(outputs[states + place]!);
      });
    }
    node.outputs.forEach((name, place) => {
      if (name === "") return;
      if (place < states) this.#alias(name, carried[place]!);
      else this.#stack(name, rows[place - states]!, node, outputAxes[place - states]);
    });
  }

  /** The element at a place along an axis, which it loses. */
  #element(name: string, source: string, axis: number, place: number): string {
    const index = this.#constant(`${name}/place`, hostTensor("int64", [], [place]));
    this.#push({
      ...plainNode("Gather", name, [source, index], [name]),
      attributes: new Map([["axis", { type: "int", value: axis }]]),
    });
    return name;
  }

  /** Scan outputs of all iterations along a new axis, the first unless stated. */
  #stack(output: string, parts: readonly string[], node: Node, axis = 0): void {
    if (parts.length === 0) {
      throw new UnsupportedError(`Cannot unroll ${node.type} node "${node.name}": it has no iterations to scan`);
    }
    const rows = parts.map((part, place) => {
      const type = this.#types.get(part);
      if (!type) {
        throw new UnsupportedError(
          `Cannot unroll ${node.type} node "${node.name}": the shape of "${part}" is not known`,
        );
      }
      const rank = type.shape.length + 1;
      const shape = this.#constant(
        `${output}/row_shape`,
        hostTensor("int64", [rank], type.shape.toSpliced(normalizeAxis(axis, rank), 0, 1)),
      );
      const row = `${output}/row${place}`;
      this.#push(plainNode("Reshape", row, [part, shape], [row]));
      return row;
    });
    this.#push({
      ...plainNode("Concat", `${output}/stack`, rows, [output]),
      attributes: new Map([["axis", { type: "int", value: axis }]]),
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
