/** Attributes of a node, and a reader that notices what was never read. */
import { ModelError } from "../base/errors.ts";
import type { HostTensor } from "../base/tensor.ts";
import type { Graph } from "./graph.ts";

interface ValueOfType {
  int: number;
  float: number;
  ints: readonly number[];
  floats: readonly number[];
  string: string;
  strings: readonly string[];
  tensor: HostTensor;
  graph: Graph;
}

type AttributeType = keyof ValueOfType;

/** A decoded attribute, tagged with its type in the schema; strings are UTF-8 text. */
export type AttributeValue = {
  readonly [T in AttributeType]: { readonly type: T; readonly value: ValueOfType[T] };
}[AttributeType];

/** Attributes by name. */
export type Attributes = ReadonlyMap<string, AttributeValue>;

/** Typed access to a node's attributes, with the specification's defaults beside each name. */
export class AttributeReader {
  readonly #attributes: Attributes;
  readonly #unread: Set<string>;

  constructor(attributes: Attributes) {
    this.#attributes = attributes;
    this.#unread = new Set(attributes.keys());
  }

  /** Names never asked for: attributes that the operator does not know. */
  get unread(): string[] {
    return [...this.#unread];
  }

  has(name: string): boolean {
    return this.#attributes.has(name);
  }

  /** An integer attribute. */
  int(name: string, fallback: number): number {
    return this.#take(name, "int") ?? fallback;
  }

  /** A float attribute. */
  float(name: string, fallback: number): number {
    return this.#take(name, "float", "int") ?? fallback;
  }

  /** A list of numbers, integers or floats; undefined where absent. */
  numbers(name: string): readonly number[] | undefined {
    return this.#take(name, "ints", "floats");
  }

  /** A string attribute; with `choices`, one of them. */
  string<T extends string>(name: string, fallback: T, choices?: readonly T[]): T {
    const value = this.#take(name, "string") as T | undefined ?? fallback;
    if (choices && !choices.includes(value)) {
      throw new ModelError(`Cannot use attribute "${name}": found "${value}", expected ${choices.join(", ")}`);
    }
    return value;
  }

  /** A list of strings; undefined where absent. */
  strings(name: string): readonly string[] | undefined {
    return this.#take(name, "strings");
  }

  /** A tensor attribute; undefined where absent. */
  tensor(name: string): HostTensor | undefined {
    return this.#take(name, "tensor");
  }

  /** A subgraph attribute; undefined where absent. */
  graph(name: string): Graph | undefined {
    return this.#take(name, "graph");
  }

  /** Marks attributes as known although their value makes no difference. */
  ignore(...names: string[]): void {
    for (const name of names) this.#unread.delete(name);
  }

  #take<T extends AttributeType>(name: string, ...types: readonly T[]): ValueOfType[T] | undefined {
    this.#unread.delete(name);
    const attribute = this.#attributes.get(name);
    if (attribute === undefined) return undefined;
    if (!(types as readonly AttributeType[]).includes(attribute.type)) {
      throw new ModelError(`Cannot use attribute "${name}": found ${attribute.type}, expected ${types.join(" or ")}`);
    }
    return attribute.value as ValueOfType[T];
  }
}

/** Bodies of control flow among a node's attributes. */
export function subgraphsOf(attributes: Attributes): Graph[] {
  return [...attributes.values()].flatMap((attribute) => attribute.type === "graph" ? [attribute.value] : []);
}
