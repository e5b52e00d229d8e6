/** What the user wants left in float: by name, by regular expression, by operator type. */
import { UsageError } from "../base/errors.ts";
import { didYouMean } from "../data/spelling.ts";
import type { AttributeValue } from "../graph/attributes.ts";
import type { Node } from "../graph/graph.ts";

/** POT's `ignored`, with NNCF's patterns. */
export interface IgnoredScope {
  /** Node names. */
  readonly scope?: readonly string[];
  /** Regular expressions, each matched against whole node names. */
  readonly patterns?: readonly string[];
  /** Operator types; with attributes, only nodes that have all of them. */
  readonly operations?: readonly IgnoredOperation[];
}

/** Nodes of one type, all or those with certain attributes. */
export interface IgnoredOperation {
  /** Operator type. */
  readonly type: string;
  /** Values that attributes must have; all nodes of the type where absent. */
  readonly attributes?: Readonly<Record<string, number | string | readonly (number | string)[]>>;
}

/**
 * Names of the nodes to leave in float. An ignored operator that only moves values takes its direct readers along, as in
 * POT. Throws UsageError for names, patterns and types that no node has: most likely misspelled.
 */
export function ignoredNodes(
  nodes: readonly Node[],
  ignored: IgnoredScope,
  readersOf: (node: Node) => readonly Node[],
  isAgnostic: (node: Node) => boolean,
): Set<string> {
  const found = new Set<string>();
  const take = (what: string, fits: (node: Node) => boolean, hint = "") => {
    const fitting = nodes.filter(fits);
    if (fitting.length === 0) throw new UsageError(`Cannot ignore ${what}: no node of the network fits${hint}`);
    for (const node of fitting) {
      found.add(node.name);
      if (isAgnostic(node)) { for (const reader of readersOf(node)) found.add(reader.name); }
    }
  };
  for (const name of ignored.scope ?? []) {
    take(`node "${name}"`, (node) => node.name === name, didYouMean(name, nodes.map((node) => node.name)));
  }
  for (const pattern of ignored.patterns ?? []) {
    const expression = compile(pattern);
    take(`nodes like "${pattern}"`, (node) => expression.test(node.name));
  }
  for (const operation of ignored.operations ?? []) {
    const types = new Set(nodes.map((node) => node.type));
    const hint = types.has(operation.type) ? ", expected its attributes" : didYouMean(operation.type, types);
    take(`operators of type "${operation.type}"`, (node) => fitsOperation(node, operation), hint);
  }
  return found;
}

function compile(pattern: string): RegExp {
  try {
    return new RegExp(`^(?:${pattern})$`);
  } catch (cause) {
    throw new UsageError(`Cannot ignore nodes like "${pattern}": it is no regular expression`, { cause });
  }
}

function fitsOperation(node: Node, { type, attributes }: IgnoredOperation): boolean {
  if (node.type !== type) return false;
  return Object.entries(attributes ?? {}).every(([name, wanted]) => sameValue(node.attributes.get(name), wanted));
}

function sameValue(attribute: AttributeValue | undefined, wanted: unknown): boolean {
  if (attribute === undefined || attribute.type === "graph" || attribute.type === "tensor") return false;
  return JSON.stringify(attribute.value) === JSON.stringify(wanted);
}
