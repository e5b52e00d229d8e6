/** Nodes → operators: finds every definition first, so that all that is unsupported is named at once. */
import { ModelError, UnsupportedError } from "../base/errors.ts";
import { AttributeReader } from "../graph/attributes.ts";
import type { Graph, Node } from "../graph/graph.ts";
import type { OpDef } from "./op.ts";
import { findOperator } from "./registry.ts";

/** A node with its definition and decoded attributes. */
export interface ResolvedNode {
  readonly node: Node;
  readonly operator: OpDef;
  readonly attributes: unknown;
}

/** An operator type that the project does not have, with how often a graph uses it. */
export interface MissingOperator {
  readonly type: string;
  readonly domain: string;
  readonly count: number;
}

/** Operator types of a graph without a definition, in order of first use. */
export function missingOperators(graph: Graph): MissingOperator[] {
  const counts = new Map<string, MissingOperator>();
  for (const node of graph.nodes) {
    if (findOperator(node.type, node.domain, graph.opset)) continue;
    const key = `${node.domain}:${node.type}`;
    counts.set(key, { type: node.type, domain: node.domain, count: (counts.get(key)?.count ?? 0) + 1 });
  }
  return [...counts.values()];
}

/** Resolves every node of a graph; throws UnsupportedError that lists all missing operators. */
export function resolveNodes(graph: Graph): ResolvedNode[] {
  const missing = missingOperators(graph);
  if (missing.length > 0) {
    const list = missing.map(({ type, domain, count }) =>
      `${domain ? `${domain}.` : ""}${type} (opset ${graph.opset}, ${count} ${count === 1 ? "node" : "nodes"})`
    );
    const what = list.length === 1 ? "1 operator is" : `${list.length} operators are`;
    throw new UnsupportedError(`Cannot plan model: ${what} not supported: ${list.join(", ")}`, list);
  }
  return graph.nodes.map((node) => resolveNode(node, graph.opset));
}

/** Resolves one node; throws with the node's name where its attributes make no sense or are not supported. */
export function resolveNode(node: Node, opset: number): ResolvedNode {
  const operator = findOperator(node.type, node.domain, opset);
  if (!operator) {
    throw new UnsupportedError(`Cannot plan ${node.type} node "${node.name}": not supported in opset ${opset}`);
  }
  checkInputs(node, operator);
  return withNode("decode attributes", node, () => {
    const reader = new AttributeReader(node.attributes);
    const attributes = operator.attributes(reader, {
      opset,
      inputs: node.inputs.map((name) => name !== ""),
      outputs: node.outputs.map((name) => name !== ""),
    });
    if (reader.unread.length > 0) {
      throw new UnsupportedError(`unknown attribute ${reader.unread.map((name) => `"${name}"`).join(", ")}`);
    }
    return { node, operator, attributes };
  });
}

/** Throws ModelError where a node lacks an input that is not optional, or has one that the operator does not know. */
function checkInputs({ name, type, inputs }: Node, operator: OpDef): void {
  const least = leastInputs(operator);
  const absent = inputs.slice(0, least).indexOf("");
  const most = mostInputs(operator);
  if (inputs.length > most) {
    throw new ModelError(
      `Cannot use inputs of ${type} node "${name}": found ${inputs.length}, expected at most ${most}`,
    );
  }
  if (inputs.length >= least && absent < 0) return;
  const found = absent < 0 ? `found ${inputs.length}` : `input ${absent} is absent`;
  throw new ModelError(`Cannot use inputs of ${type} node "${name}": ${found}, expected at least ${least}`);
}

/** Inputs that no node of an operator can do without: the first ones that all of its cases have. */
function leastInputs({ cases, leastInputs }: OpDef): number {
  if (leastInputs !== undefined) return leastInputs;
  return cases.reduce((least, { inputs }) => {
    const absent = inputs.findIndex((input) => !input);
    return Math.min(least, absent < 0 ? inputs.length : absent);
  }, cases.length > 0 ? Infinity : 0);
}

function mostInputs({ cases, isVariadic }: OpDef): number {
  return isVariadic || cases.length === 0 ? Infinity : Math.max(...cases.map(({ inputs }) => inputs.length));
}

/** Runs a step of an operator; whatever it throws is told with the node's name, its class kept. */
export function withNode<T>(action: string, node: Node, step: () => T): T {
  try {
    return step();
  } catch (cause) {
    if (!(cause instanceof Error)) throw cause;
    const detail = cause.message.replace(/^Cannot [^:]*: /, "");
    const message = `Cannot ${action} of ${node.type} node "${node.name}": ${detail}`;
    if (cause instanceof UnsupportedError) throw new UnsupportedError(message, cause.reasons);
    throw new ModelError(message, { cause });
  }
}
