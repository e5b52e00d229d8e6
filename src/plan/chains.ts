/** Finds chains of elementwise operators that can be computed at once: by a store, or in a pass of their own. */
import { sameShape } from "../base/shape.ts";
import { elementCount } from "../base/tensor.ts";
import { type ChainFormula, chainFunction, type ChainLink } from "../ops/chain.ts";
import type { TypedGraph } from "../ops/infer.ts";
import type { ResolvedNode } from "../ops/resolve.ts";

/** Nodes of one chain at most: kernels are compiled in time that grows with them. */
const MOST_NODES = 64;

/** Nodes that are computed together. */
export interface Chain {
  /** In order; the last one's output is the chain's. */
  readonly nodes: readonly ResolvedNode[];
  /** The one tensor that they read, and where the first node reads it. */
  readonly input: { readonly value: string; readonly place: number };
  /** What they compute, for `chainFunction`. */
  readonly links: readonly ChainLink[];
}

/** What a chain must know of the network. */
export interface ChainSurroundings {
  readonly typed: TypedGraph;
  /** All nodes that run, in order. */
  readonly executed: readonly ResolvedNode[];
  /** Value → who reads it at run time. */
  readonly readers: ReadonlyMap<string, readonly { readonly node: string; readonly input: number }[]>;
  /** Whether a value must be there by itself: an output of the network, or one that is quantized. */
  isKept(value: string): boolean;
  /** Whether the contents of a constant may change. */
  isVariable(constant: string): boolean;
  /** The quantizer whose state decides what a node reads, where one does. */
  quantizerAt(node: string, input: number, value: string): number | undefined;
}

/** A node that may be part of a chain. */
interface Candidate {
  readonly resolved: ResolvedNode;
  readonly formula: ChainFormula;
  /** Tensor or number for each operand of the formula, and the input of the node that it is. */
  readonly operands: readonly { readonly place: number; readonly value: string; readonly scalar: number | undefined }[];
}

/** Finds chains. */
export class ChainFinder {
  readonly #around: ChainSurroundings;
  readonly #places: ReadonlyMap<string, number>;

  constructor(around: ChainSurroundings) {
    this.#around = around;
    this.#places = new Map(around.executed.map(({ node }, place) => [node.name, place]));
  }

  /** The longest chain that starts with a node; undefined where the node cannot be part of one. */
  from(start: ResolvedNode): Chain | undefined {
    const first = this.#candidate(start);
    const own = first?.operands.find(({ scalar }) => scalar === undefined);
    if (!first || !own) return undefined;
    const [broad, narrow] = [true, false].map((isBroad) =>
      this.#longest(this.#members(first, own.value, isBroad), own.value)
    );
    const longest = (narrow?.nodes.length ?? 0) > (broad?.nodes.length ?? 0) ? narrow : broad;
    return longest && { ...longest, input: own };
  }

  /** The longest start of `members` that can be computed together. */
  #longest(members: readonly Candidate[], input: string): Omit<Chain, "input"> | undefined {
    for (let count = members.length; count >= 1; count--) {
      const chosen = members.slice(0, count);
      if (!this.#isClosed(chosen)) continue;
      const links = linksOf(chosen, input);
      if (chainFunction(links, "chain")) return { nodes: chosen.map(({ resolved }) => resolved), links };
    }
    return undefined;
  }

  /**
   * Nodes that follow from one tensor and numbers, in order of execution: from what the first node makes, and with `isBroad` from
   * the tensor itself, which brings branches that meet again, and others that do not.
   */
  #members(first: Candidate, input: string, isBroad: boolean): Candidate[] {
    const { readers, executed, quantizerAt } = this.#around;
    const quantizer = this.#quantizerOf(first, input);
    const members: Candidate[] = [];
    const values = new Set([input]);
    const start = this.#places.get(first.resolved.node.name)!;
    const branches = isBroad ? readers.get(input)!.map(({ node }) => this.#places.get(node)!) : [];
    const pending = new Set([start, ...branches.filter((place) => place > start)]);
    const seen = new Set(pending);
    while (pending.size > 0 && members.length < MOST_NODES) {
      const place = Math.min(...pending);
      pending.delete(place);
      const one = this.#candidate(executed[place]!);
      const { node } = executed[place]!;
      const follows = one?.operands.every(({ scalar, value, place }) =>
        scalar !== undefined ||
        (values.has(value) && (value !== input || quantizerAt(node.name, place, value) === quantizer))
      );
      if (!one || !follows) continue;
      members.push(one);
      const output = node.outputs[0]!;
      values.add(output);
      for (const reader of readers.get(output) ?? []) {
        const next = this.#places.get(reader.node)!;
        if (!seen.has(next)) pending.add(next);
        seen.add(next);
      }
    }
    return members;
  }

  #quantizerOf({ resolved, operands }: Candidate, input: string): number | undefined {
    const { place } = operands.find(({ value }) => value === input)!;
    return this.#around.quantizerAt(resolved.node.name, place, input);
  }

  /** Whether nobody else reads what the nodes before the last one make. */
  #isClosed(members: readonly Candidate[]): boolean {
    const names = new Set(members.map(({ resolved }) => resolved.node.name));
    return members.slice(0, -1).every(({ resolved: { node } }) => {
      const output = node.outputs[0]!;
      const readers = this.#around.readers.get(output) ?? [];
      return !this.#around.isKept(output) && readers.length > 0 && readers.every((reader) => names.has(reader.node));
    });
  }

  #candidate(resolved: ResolvedNode): Candidate | undefined {
    const { node, operator, attributes } = resolved;
    const { typed, isVariable } = this.#around;
    const types = node.inputs.map((name) => name === "" ? undefined : typed.types.get(name)!);
    // Undefined where nobody asks for the first of several outputs.
    const output = typed.types.get(node.outputs[0]!);
    const formula = node.outputs.length === 1 ? operator.asFormula?.(types, attributes) : undefined;
    if (!formula || output?.dtype !== "float32" || elementCount(output.shape) === 0) return undefined;
    const operands = node.inputs.slice(0, formula.kind === "vectors" ? 2 : 1).map((value, place) => {
      const type = types[place]!;
      const isNumber = type.value !== undefined && elementCount(type.shape) === 1 && !isVariable(value);
      return { place, value, scalar: isNumber ? type.value![0]! : undefined };
    });
    const fits = operands.every(({ value, scalar }) => {
      const type = typed.types.get(value)!;
      return scalar !== undefined || (!type.value && type.dtype === "float32" && sameShape(type.shape, output.shape));
    });
    return fits ? { resolved, formula, operands } : undefined;
  }
}

function linksOf(members: readonly Candidate[], input: string): ChainLink[] {
  const places = new Map([[input, 0]]);
  return members.map(({ resolved, formula, operands }, index) => {
    places.set(resolved.node.outputs[0]!, index + 1);
    return {
      formula,
      operands: operands.map(({ value, scalar }) => scalar === undefined ? places.get(value)! : { scalar }),
    };
  });
}
