/** Lowers nodes to draft steps, fusing activations, residual adds and fake-quant into the stores before them. */
import type { Dispatch } from "../base/dispatch.ts";
import { UnsupportedError } from "../base/errors.ts";
import type { KernelTarget } from "../base/kernel_target.ts";
import { sameShape } from "../base/shape.ts";
import { elementCount, isFloat, type TensorType } from "../base/tensor.ts";
import type { Node } from "../graph/graph.ts";
import type { Quantizer } from "../graph/quantizer.ts";
import { hasEpilogue } from "../gpu/link.ts";
import { LOOP_CAP, loopBound } from "../gpu/loop_bound.ts";
import type { TypedGraph } from "../ops/infer.ts";
import { copyDispatch } from "../ops/copy.ts";
import { type ResolvedNode, withNode } from "../ops/resolve.ts";
import { chainDispatch, chainFunction } from "../ops/chain.ts";
import { type Chain, ChainFinder } from "./chains.ts";
import { type DraftStep, isChain, NONE, quantizedCopy, type ValueRef } from "./draft.ts";

/** Draft steps, the values that share memory with others, and the element counts of temporaries. */
export interface Draft {
  readonly steps: readonly DraftStep[];
  /** Value → the value whose memory it is. */
  readonly aliases: ReadonlyMap<string, string>;
  readonly temporaries: ReadonlyMap<string, number>;
}

/** Lowers all nodes that some output needs at run time. */
export function draftSteps(typed: TypedGraph, quantizers: readonly Quantizer[], target: KernelTarget): Draft {
  return new Drafter(typed, quantizers, target).draft();
}

class Drafter {
  readonly #typed: TypedGraph;
  readonly #target: KernelTarget;
  readonly #quantizers = new Map<string, Quantizer>();
  /** Node → input → the quantizer of an activation whose codes it reads. */
  readonly #codes = new Map<string, Map<number, number>>();
  readonly #executed: readonly ResolvedNode[];
  readonly #readers = new Map<string, { node: string; input: number }[]>();
  readonly #outputs: ReadonlySet<string>;
  readonly #chains: ChainFinder;
  /** Nodes that were computed with an earlier one. */
  readonly #done = new Set<string>();
  readonly #steps: DraftStep[] = [];
  /** The step whose store makes a value, while later nodes may still be fused into that store. */
  readonly #producers = new Map<string, number>();
  /** Step after which each value is complete; absent for inputs and constants. */
  readonly #readyAfter = new Map<string, number>();
  readonly #separate = new Set<number>();
  readonly #aliases = new Map<string, string>();
  readonly #temporaries = new Map<string, number>();

  constructor(typed: TypedGraph, quantizers: readonly Quantizer[], target: KernelTarget) {
    this.#typed = typed;
    this.#target = target;
    this.#outputs = new Set(typed.graph.outputs.map((output) => output.name));
    for (const quantizer of quantizers) {
      if (quantizer.kind !== "activation") continue;
      this.#quantizers.set(quantizer.value, quantizer);
      for (const { node, input } of [...quantizer.consumers, ...quantizer.carriedTo ?? []]) {
        this.#codes.set(node, (this.#codes.get(node) ?? new Map<number, number>()).set(input, quantizer.id));
      }
    }
    this.#executed = executedNodes(typed);
    for (const { node } of this.#executed) {
      node.inputs.forEach((name, input) => {
        if (name === "" || typed.types.get(name)?.value) return;
        this.#readers.set(name, [...this.#readers.get(name) ?? [], { node: node.name, input }]);
      });
    }
    const weights = new Set(quantizers.flatMap(({ kind, value }) => kind === "activation" ? [] : [value]));
    this.#chains = new ChainFinder({
      typed,
      executed: this.#executed,
      readers: this.#readers,
      isKept: (value) => this.#outputs.has(value) || this.#quantizers.has(value),
      isVariable: (constant) => weights.has(constant),
      quantizerAt: (node, input, value) => this.#ref(node, input, value).quantizer,
    });
  }

  draft(): Draft {
    for (const input of this.#typed.graph.inputs) this.#quantize(input.name);
    for (const resolved of this.#executed) {
      if (this.#done.has(resolved.node.name)) continue;
      const last = this.#fuseActivation(resolved) || this.#fuseAdd(resolved)
        ? resolved
        : this.#computeChain(resolved) ?? this.#lowerWithBias(resolved) ?? this.#lower(resolved);
      for (const output of last.node.outputs) if (output !== "") this.#quantize(output);
    }
    return { steps: this.#steps, aliases: this.#aliases, temporaries: this.#temporaries };
  }

  #type(name: string): TensorType {
    return this.#typed.types.get(name)!;
  }

  #ref(node: string, input: number, value: string): ValueRef {
    const quantizer = this.#quantizers.get(value);
    const reads = quantizer?.consumers.some((consumer) => consumer.node === node && consumer.input === input);
    return reads && this.#separate.has(quantizer!.id) ? { value, quantizer: quantizer!.id } : { value };
  }

  /** The step that stores a value only the nodes named read, or undefined where they may not be fused into it. */
  #producerFor(value: string, nodes: readonly string[]): number | undefined {
    const isShared = this.#outputs.has(value) || !this.#readers.get(value)?.every(({ node }) => nodes.includes(node));
    const quantizer = this.#quantizers.get(value);
    return isShared || (quantizer && this.#separate.has(quantizer.id)) ? undefined : this.#producers.get(value);
  }

  #fuseActivation({ node, operator, attributes }: ResolvedNode): boolean {
    const [input] = node.inputs;
    const types = node.inputs.map((name) => name === "" ? undefined : this.#type(name));
    const activation = operator.asActivation?.(types, attributes);
    const place = this.#producerFor(input!, [node.name]);
    if (!activation || place === undefined || this.#quantizers.has(input!)) return false;
    const step = this.#steps[place]!;
    if (step.activation1.kind !== "none") return false;
    if (step.residual) step.activation1 = activation;
    else if (step.activation0.kind === "none") step.activation0 = activation;
    else return false;
    this.#takeOver(step, place, [node.name], node.outputs[0]!);
    return true;
  }

  #fuseAdd({ node }: ResolvedNode): boolean {
    if (node.type !== "Add" || node.domain !== "") return false;
    const output = this.#type(node.outputs[0]!);
    const fits = node.inputs.every((name) => {
      const type = this.#type(name);
      return isFloat(type.dtype) && !type.value && sameShape(type.shape, output.shape);
    });
    if (!fits || node.inputs[0] === node.inputs[1]) return false;
    for (const [own, other] of [[0, 1], [1, 0]] as const) {
      const place = this.#producerFor(node.inputs[own]!, [node.name]);
      if (place === undefined) continue;
      const step = this.#steps[place]!;
      const otherReady = this.#readyAfter.get(this.#root(node.inputs[other]!)) ?? -1;
      if (step.residual || step.activation1.kind !== "none" || otherReady >= place) continue;
      step.residual = this.#ref(node.name, other, node.inputs[other]!);
      this.#takeOver(step, place, [node.name], node.outputs[0]!);
      return true;
    }
    return false;
  }

  /** Lets an earlier step produce the value of nodes that were fused into it. */
  #takeOver(step: DraftStep, place: number, nodes: readonly string[], value: string): void {
    step.nodes.push(...nodes);
    step.operands[step.operands.findIndex((_, binding) => this.#isStore(step, binding))] = { value };
    this.#producers.set(value, place);
    this.#readyAfter.set(value, place);
  }

  #isStore(step: DraftStep, binding: number): boolean {
    return step.dispatch.bindings[binding] === "y0";
  }

  /** Computes a node together with elementwise ones that follow from it alone; gives the last of them. */
  #computeChain(start: ResolvedNode): ResolvedNode | undefined {
    const chain = this.#chains.from(start);
    if (!chain || !(this.#fuseChain(chain) || this.#lowerChain(start, chain))) return undefined;
    for (const { node } of chain.nodes) this.#done.add(node.name);
    return chain.nodes.at(-1);
  }

  /** Lets the store that makes the input of a chain compute the chain, where nobody else reads that. */
  #fuseChain({ nodes, input, links }: Chain): boolean {
    const names = nodes.map(({ node }) => node.name);
    const place = this.#producerFor(input.value, names);
    const step = this.#steps[place ?? -1];
    if (!step || isChain(step.activation0) || step.activation1.kind !== "none" || step.quantizer1 !== undefined) {
      return false;
    }
    const chain = chainFunction(links, "store_chain")!;
    const comesFirst = !step.residual && step.quantizer0 === undefined && step.activation0.kind === "none";
    if (comesFirst) step.activation0 = chain;
    else step.activation1 = chain;
    this.#takeOver(step, place!, names, nodes.at(-1)!.node.outputs[0]!);
    return true;
  }

  /** Computes a chain of several nodes in a pass of its own. */
  #lowerChain(start: ResolvedNode, { nodes, input, links }: Chain): boolean {
    const output = nodes.at(-1)!.node.outputs[0]!;
    const { shape } = this.#type(output);
    const length = elementCount(shape);
    if (nodes.length === 1 || length % 4 !== 0) return false;
    const first = this.#steps.length;
    const dispatch = chainDispatch(chainFunction(links, "chain")!, length);
    this.#add(dispatch, [this.#ref(start.node.name, input.place, input.value), { value: output }], {
      nodes: nodes.map(({ node }) => node.name),
      cost: length,
      source: { operator: start.node.type, shape, macs: 0 },
    });
    this.#readyAfter.set(output, first);
    this.#offerStore([output], first);
    return true;
  }

  /** Computes a matrix product together with the addition of one constant for each column; gives the latter. */
  #lowerWithBias(product: ResolvedNode): ResolvedNode | undefined {
    const sum = this.#biasBehind(product);
    if (!sum) return undefined;
    const { inputs, outputs } = sum.node;
    const bias = inputs.find((name) => name !== product.node.outputs[0])!;
    const node = { ...product.node, inputs: [...product.node.inputs, bias], outputs };
    this.#lower({ ...product, node }, [product.node.name, sum.node.name]);
    this.#done.add(sum.node.name);
    return sum;
  }

  /** The node that alone reads a matrix product and adds one constant for each column. */
  #biasBehind({ node }: ResolvedNode): ResolvedNode | undefined {
    const [output] = node.outputs as [string];
    const [reader, ...others] = this.#readers.get(output) ?? [];
    const isKept = this.#outputs.has(output) || this.#quantizers.has(output);
    if (node.type !== "MatMul" || node.domain !== "" || !reader || others.length > 0 || isKept) return undefined;
    const sum = this.#executed.find((one) => one.node.name === reader.node)!;
    if (sum.node.type !== "Add" || sum.node.domain !== "") return undefined;
    const bias = this.#type(sum.node.inputs[1 - reader.input]!);
    const { shape } = this.#type(output);
    const columns = shape.at(-1);
    const isPerColumn = bias.value !== undefined && bias.dtype === "float32" && bias.shape.at(-1) === columns &&
      elementCount(bias.shape) === columns && bias.shape.length <= shape.length;
    // Right operands that are vectors have no columns.
    return isPerColumn && this.#type(node.inputs[1]!).shape.length > 1 ? sum : undefined;
  }

  /** Computes a node by itself, or with others that were put into it. */
  #lower(resolved: ResolvedNode, nodes: readonly string[] = [resolved.node.name]): ResolvedNode {
    const { node, operator, attributes } = resolved;
    const inputs = node.inputs.map((name) => name === "" ? undefined : this.#type(name));
    const outputs = node.outputs.map((name) => this.#type(name));
    const lowering = withNode(
      "plan computation",
      node,
      () => operator.lower(inputs, outputs, attributes, this.#target),
    );
    if (lowering.aliasOf !== undefined) {
      this.#share(node, node.outputs[0]!, { input: lowering.aliasOf, value: node.inputs[lowering.aliasOf]! });
      return resolved;
    }
    const temporary = (slot: string) => `${node.name}\0${slot}`;
    lowering.temporaries?.forEach((count, number) => this.#temporaries.set(temporary(`t${number}`), count));
    const macs = operator.macs?.(inputs, outputs, attributes) ?? 0;
    const work = macs + outputs.reduce((sum, type) => sum + elementCount(type?.shape ?? []), 0);
    const first = this.#steps.length;
    for (const [index, one] of lowering.dispatches.entries()) {
      if (one.workgroups.some((extent) => extent === 0)) continue;
      withNode("plan computation", node, () => checkLoops(one));
      const operands = one.bindings.map((slot, binding): ValueRef => {
        const number = Number(slot.slice(1));
        const window = one.windows?.[binding];
        if (slot[0] === "x") return { ...this.#ref(node.name, number, node.inputs[number]!), window };
        return { value: slot[0] === "y" ? node.outputs[number] || temporary(slot) : temporary(slot), window };
      });
      const isLast = index === lowering.dispatches.length - 1;
      this.#add(one, operands, {
        nodes: [...nodes],
        cost: work / lowering.dispatches.length,
        source: { operator: node.type, shape: outputs[0]?.shape ?? [], macs: isLast ? macs : 0 },
        factors: isSumOfActivations(one) ? this.#factors(node.name) : undefined,
      });
    }
    node.outputs.forEach((name, number) => {
      if (name === "") this.#temporaries.set(temporary(`y${number}`), elementCount(outputs[number]?.shape ?? []));
      else this.#readyAfter.set(name, this.#steps.length - 1);
    });
    this.#offerStore(node.outputs, first);
    return resolved;
  }

  #factors(node: string): [number, number] | undefined {
    const [a, b] = [0, 1].map((input) => this.#codes.get(node)?.get(input));
    return a === undefined || b === undefined ? undefined : [a, b];
  }

  /** The last of a node's steps, which start at `first`, may take more work into its store where that is the only store of its only output. */
  #offerStore(outputs: readonly string[], first: number): void {
    const place = this.#steps.length - 1;
    const step = this.#steps[place];
    if (!step || outputs.length !== 1 || !hasEpilogue(step.dispatch)) return;
    const stores = this.#steps.slice(first).filter((one) => one.operands.some(({ value }) => value === outputs[0]));
    if (stores.length === 1 && stores[0] === step) this.#producers.set(outputs[0]!, place);
  }

  #add(
    one: DraftStep["dispatch"],
    operands: ValueRef[],
    { nodes, cost, source, factors, onlyFor }:
      & Pick<DraftStep, "nodes" | "cost" | "source">
      & Partial<Pick<DraftStep, "factors" | "onlyFor">>,
  ): DraftStep {
    const step: DraftStep = {
      nodes,
      dispatch: one,
      operands,
      activation0: NONE,
      quantizer0: undefined,
      residual: undefined,
      activation1: NONE,
      quantizer1: undefined,
      factors,
      cost,
      source,
      onlyFor,
    };
    this.#steps.push(step);
    return step;
  }

  /** Puts a value's quantizer into the store that makes it, or makes a quantized copy where somebody reads it unquantized. */
  #quantize(value: string): void {
    const quantizer = this.#quantizers.get(value);
    const type = this.#type(value);
    if (!quantizer || type.value || elementCount(type.shape) === 0) return;
    const readers = this.#readers.get(value) ?? [];
    const allQuantized = !this.#outputs.has(value) &&
      readers.every((reader) =>
        quantizer.consumers.some((consumer) => consumer.node === reader.node && consumer.input === reader.input)
      );
    const place = this.#producers.get(value);
    if (allQuantized && place !== undefined) {
      const step = this.#steps[place]!;
      if (step.residual || step.activation1.kind !== "none") step.quantizer1 = quantizer.id;
      else step.quantizer0 = quantizer.id;
      return;
    }
    this.#separate.add(quantizer.id);
    const target = quantizedCopy(value, quantizer.id);
    this.#temporaries.set(target, elementCount(type.shape));
    const copy = this.#copy({ value }, target, { name: quantizer.name, operator: "FakeQuantize" }, quantizer.id);
    copy.quantizer0 = quantizer.id;
    this.#readyAfter.set(this.#root(value), this.#steps.length - 1);
  }

  /** Lets a value be another under a new name; a copy is needed where a quantizer decides what that other is. */
  #share(node: Node, output: string, source: { readonly input: number; readonly value: string }): void {
    const ref = this.#ref(node.name, source.input, source.value);
    if (ref.quantizer === undefined) {
      this.#aliases.set(output, this.#root(source.value));
      return;
    }
    this.#copy(ref, output, { name: node.name, operator: node.type });
    this.#readyAfter.set(output, this.#steps.length - 1);
    this.#producers.set(output, this.#steps.length - 1);
  }

  #copy(
    source: ValueRef,
    target: string,
    { name, operator }: { readonly name: string; readonly operator: string },
    onlyFor?: number,
  ): DraftStep {
    const { shape } = this.#type(source.value);
    const length = elementCount(shape);
    return this.#add(copyDispatch(length), [source, { value: target }], {
      nodes: [name],
      cost: length,
      source: { operator, shape, macs: 0 },
      onlyFor,
    });
  }

  #root(value: string): string {
    return this.#aliases.get(value) ?? value;
  }
}

/** Nodes whose results somebody needs at run time, in order: neither known beforehand nor read only by what is. */
function executedNodes({ graph, nodes, types }: TypedGraph): ResolvedNode[] {
  const needed = new Set(graph.outputs.map((output) => output.name).filter((name) => !types.get(name)?.value));
  const executed: ResolvedNode[] = [];
  for (const resolved of nodes.toReversed()) {
    if (!resolved.node.outputs.some((output) => needed.has(output) && !types.get(output)?.value)) continue;
    executed.push(resolved);
    for (const input of resolved.node.inputs) if (input !== "" && !types.get(input)?.value) needed.add(input);
  }
  return executed.reverse();
}

/** Whether a kernel sums up products without an addend that could bring their unit. */
function isSumOfActivations({ wholeSum, addend }: Dispatch): boolean {
  return wholeSum !== undefined && addend === undefined;
}

/** Throws UnsupportedError where an invocation might be stopped before its loops are over. */
function checkLoops(dispatch: Dispatch): void {
  const bound = loopBound(dispatch);
  if (bound <= LOOP_CAP) return;
  throw new UnsupportedError(
    `Cannot run kernel ${dispatch.shader.name}: an invocation may take ${bound} loop iterations, expected at most ${LOOP_CAP}`,
  );
}
