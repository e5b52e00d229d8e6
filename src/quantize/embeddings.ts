/** Tables of embeddings: large constants of which a network reads a few rows, which can be stored in int8 whatever follows. */
import { normalizeAxis } from "../base/shape.ts";
import { elementCount } from "../base/tensor.ts";
import type { Node } from "../graph/graph.ts";
import type { Edge, GraphView } from "./graph_view.ts";

/** Elements from which a table is worth its scales. */
const SMALLEST_TABLE = 1024;

/** The tables of a graph, each as the operand that reads it. */
export function findTables(view: GraphView): Edge[] {
  return view.nodes.filter((node) => readsTable(view, node)).map((node) => ({ node, input: 0 }));
}

/** Whether a node takes rows of a constant table, by places that depend on its inputs. */
export function readsTable(view: GraphView, node: Node): boolean {
  if (node.type !== "Gather" || node.domain !== "") return false;
  const [table, places] = node.inputs as [string, string];
  const type = view.isConstant(table) ? view.type(table) : undefined;
  if (type?.dtype !== "float32" || type.shape.length !== 2 || view.isConstant(places)) return false;
  const axis = node.attributes.get("axis");
  const isByRow = axis?.type !== "int" || normalizeAxis(axis.value, 2) === 0;
  return isByRow && elementCount(type.shape) >= SMALLEST_TABLE;
}
