/** Networks as pictures: Graphviz's DOT, and SVG through Graphviz itself, compiled to WebAssembly. */
import { legible } from "./legible.ts";

/** How a node is coloured. */
export type NodeState =
  /** Computes in int8, or would after quantization. */
  | "int8"
  /** Could be quantized and is not. */
  | "float"
  /** Never quantized. */
  | "neutral"
  /** An input or output of the network. */
  | "boundary";

/** One box. */
export interface DrawnNode {
  /** First line. */
  readonly title: string;
  /** Second line, shortened from the front; empty for none. */
  readonly name: string;
  /** Further lines. */
  readonly details: readonly string[];
  /** Decides the colour. */
  readonly state: NodeState;
  /** Shown as a number and a frame that nodes of one group share; undefined for nodes that move alone. */
  readonly group: number | undefined;
}

/** One arrow, between indices of nodes. */
export interface DrawnEdge {
  /** Index of the node that makes the value. */
  readonly from: number;
  /** Index of the node that reads it. */
  readonly to: number;
  /** Text beside the arrow; empty for none. */
  readonly label: string;
  /** Whether the value is carried as 8-bit codes. */
  readonly isQuantized: boolean;
}

/** A network to draw. */
export interface DrawnGraph {
  /** Above the picture. */
  readonly title: string;
  /** Boxes. */
  readonly nodes: readonly DrawnNode[];
  /** Arrows. */
  readonly edges: readonly DrawnEdge[];
}

const FILLS: Readonly<Record<NodeState, string>> = {
  int8: "#cfe3fb",
  float: "#fbd9c9",
  neutral: "#eceef1",
  boundary: "#ffffff",
};

const LEGEND: readonly (readonly [NodeState, string])[] = [
  ["int8", "int8"],
  ["float", "quantizable, in float"],
  ["neutral", "not quantized"],
];

/** Frames of groups, in turn. */
const FRAMES = ["#2a78d6", "#1b9e77", "#8a4fbf", "#c2185b", "#a06a00", "#00838f", "#5d7a00", "#b23c17"];

/** The graph in DOT: nodes are `n0`, `n1`…, so that no name of the model can be mistaken for syntax. */
export function graphToDot({ title, nodes, edges }: DrawnGraph): string {
  const legend = LEGEND.map(([state, text]) =>
    `<td bgcolor="${FILLS[state]}">&nbsp;${text}&nbsp;&nbsp;&nbsp;&nbsp;</td>`
  ).join("");
  return [
    "digraph network {",
    `  graph [label=${
      quoted(title)
    }, labelloc=t, fontname="Helvetica,Arial,sans-serif", fontsize=18, bgcolor=white, nodesep=0.25, ranksep=0.3];`,
    `  node [shape=box, style="filled,rounded", fontname="Helvetica,Arial,sans-serif", fontsize=10, color="#9aa0a8", margin="0.24,0.06"];`,
    `  edge [fontname="Helvetica,Arial,sans-serif", fontsize=8, color="#9aa0a8", fontcolor="#60656c", arrowsize=0.6];`,
    `  legend [shape=plain, style="", label=<<table border="0" cellborder="0" cellspacing="4" cellpadding="4"><tr>${legend}</tr></table>>];`,
    ...nodes.map(nodeLine),
    ...edges.map(edgeLine),
    "}",
    "",
  ].join("\n");
}

function nodeLine({ title, name, details, state, group }: DrawnNode, index: number): string {
  const lines = [title, shorten(name), ...details];
  const frame = group === undefined ? "" : `, color="${FRAMES[group % FRAMES.length]}", penwidth=2`;
  const shape = state === "boundary" ? ", shape=ellipse" : "";
  return `  n${index} [label=${quoted(lines.filter((line) => line !== "").join("\n"))}, tooltip=${
    quoted(name || title)
  }, fillcolor="${FILLS[state]}"${frame}${shape}];`;
}

function edgeLine({ from, to, label, isQuantized }: DrawnEdge): string {
  const bold = isQuantized ? `, color="${FRAMES[0]}", penwidth=2` : "";
  return `  n${from} -> n${to} [label=${quoted(label)}${bold}];`;
}

/** A DOT string: backslashes would begin escapes such as \N, the node's own name. */
function quoted(text: string): string {
  const escaped = legible(text).replaceAll("\\", "\\\\").replaceAll('"', '\\"').replaceAll("\n", "\\n");
  return `"${escaped.replaceAll("\t", " ")}"`;
}

/** The end of a name tells more than its beginning. */
function shorten(name: string): string {
  return name.length <= 40 ? name : `…${name.slice(-39)}`;
}

/** Lays DOT out and draws it. Throws Error where it is no DOT. */
export async function dotToSvg(dot: string): Promise<string> {
  const { instance } = await import("@viz-js/viz");
  const result = (await instance()).render(dot, { format: "svg", engine: "dot" });
  if (result.status === "success") return result.output;
  throw new Error(`Cannot draw graph: ${result.errors.map(({ message }) => message).join("; ")}`);
}
