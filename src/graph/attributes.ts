/** Attributes of a node, and a reader that notices what was never read. */
import { ModelError } from "../base/errors.ts";
import type { HostTensor } from "../base/tensor.ts";
import type { Graph } from "./graph.ts";

/** A decoded attribute; strings are UTF-8 text. */
export type AttributeValue = number | string | readonly number[] | readonly string[] | HostTensor | Graph;

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
    return this.#take(name, (value) => typeof value === "number" && Number.isInteger(value), "an integer") as number ??
      fallback;
  }

  /** A float attribute. */
  float(name: string, fallback: number): number {
    return this.#take(name, (value) => typeof value === "number", "a float") as number ?? fallback;
  }

  /** A list of numbers; undefined where absent. */
  numbers(name: string): readonly number[] | undefined {
    return this.#take(name, (value) => Array.isArray(value) && value.every((one) => typeof one === "number"), "numbers") as
      | readonly number[]
      | undefined;
  }

  /** A string attribute; with `choices`, one of them. */
  string<T extends string>(name: string, fallback: T, choices?: readonly T[]): T {
    const value = this.#take(name, (value) => typeof value === "string", "a string") as T | undefined ?? fallback;
    if (choices && !choices.includes(value)) {
      throw new ModelError(`Cannot use attribute "${name}": found "${value}", expected ${choices.join(", ")}`);
    }
    return value;
  }

  /** A list of strings; undefined where absent. */
  strings(name: string): readonly string[] | undefined {
    return this.#take(name, (value) => Array.isArray(value) && value.every((one) => typeof one === "string"), "strings") as
      | readonly string[]
      | undefined;
  }

  /** A tensor attribute; undefined where absent. */
  tensor(name: string): HostTensor | undefined {
    return this.#take(name, (value) => typeof value === "object" && "data" in value, "a tensor") as HostTensor | undefined;
  }

  /** A subgraph attribute; undefined where absent. */
  graph(name: string): Graph | undefined {
    return this.#take(name, (value) => typeof value === "object" && "nodes" in value, "a graph") as Graph | undefined;
  }

  /** Marks attributes as known although their value makes no difference. */
  ignore(...names: string[]): void {
    for (const name of names) this.#unread.delete(name);
  }

  #take(name: string, fits: (value: AttributeValue) => boolean, expected: string): AttributeValue | undefined {
    this.#unread.delete(name);
    const value = this.#attributes.get(name);
    if (value !== undefined && !fits(value)) {
      throw new ModelError(`Cannot use attribute "${name}": expected ${expected}`);
    }
    return value;
  }
}
