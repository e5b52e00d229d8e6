/** The invariants of a graph that files may break. */
import { ModelError } from "../base/errors.ts";
import type { Graph } from "./graph.ts";

/**
 * Throws ModelError unless every value has one producer, and every output one at all. `outer` are values of the graphs around a body,
 * which it may read and give back.
 */
export function checkValues(
  graph: Pick<Graph, "inputs" | "outputs" | "initializers" | "nodes">,
  outer: ReadonlySet<string>,
): void {
  const producers = new Map<string, string>();
  const add = (value: string, producer: string): void => {
    const other = producers.get(value);
    if (other !== undefined) {
      throw new ModelError(`Cannot import model: value "${value}" has two producers, ${other} and ${producer}`);
    }
    producers.set(value, producer);
  };
  for (const name of graph.initializers.keys()) add(name, "an initializer");
  for (const { name } of graph.inputs) add(name, "an input");
  for (const { name, type, outputs } of graph.nodes) {
    for (const output of outputs) if (output !== "") add(output, `${type} node "${name}"`);
  }
  for (const { name } of graph.outputs) {
    if (!producers.has(name) && !outer.has(name)) {
      throw new ModelError(`Cannot import model: output "${name}" has no producer`);
    }
  }
}
