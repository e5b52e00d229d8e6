/** Where quantizers stand: insertion, propagation, weights and biases, groups (POT's InsertFakeQuantize and after). */
import { normalizeAxis } from "../base/shape.ts";
import type { Node } from "../graph/graph.ts";
import type { Operand, Quantizer, QuantizerLayout } from "../graph/quantizer.ts";
import { biasDrafts, type Draft, operands } from "./bias_sites.ts";
import { findTables, readsTable } from "./embeddings.ts";
import type { Edge, GraphView } from "./graph_view.ts";
import { formGroups, type Grouping, operandKey, type Role } from "./groups.ts";
import { ignoredNodes, type IgnoredScope } from "./ignored.ts";
import { findLone } from "./lone_arithmetic.ts";
import { findSkipped } from "./patterns.ts";
import { addSite, climb, dataInputs, type Sites } from "./propagation.ts";
import type { Schemes, TargetDevice } from "./scheme.ts";
import { findDetectionTails, zeroPads } from "./skipped.ts";
import { TARGETS } from "./targets.ts";
import { wantedOperands } from "./wanted_operands.ts";

/** What placement depends on. */
export interface PlacementOptions {
  /** Whose table of quantizable operators holds. */
  readonly targetDevice?: TargetDevice;
  /** What stays in float. */
  readonly ignored?: IgnoredScope;
  /** `transformer` leaves sums, means and normalizations in float. */
  readonly modelType?: "transformer";
  /** Whether arithmetic is quantized even where QDQ runtimes compute it in float, as POT has it; `false` unless stated. */
  readonly loneArithmetic?: boolean;
  /** Whether tables of embeddings are stored in int8, which POT leaves; `true` unless stated. */
  readonly int8Embeddings?: boolean;
  /** Nodes that smoothing put in front of matrix products; they compute in float. */
  readonly inserted?: ReadonlySet<string>;
}

/** A layout, and what its quantizers have to do with each other. */
export interface Placement {
  readonly layout: QuantizerLayout;
  /** Sets of quantizers that share one scale, since their values meet in a Concat. */
  readonly unified: readonly (readonly number[])[];
  /** Operand (`operandKey`) → the quantizer whose codes it reads, directly or through value-moving operators. */
  readonly quantizerAt: ReadonlyMap<string, number>;
  /** Values behind value-moving operators that hold the codes of a quantizer further up. */
  readonly carried: ReadonlyMap<string, number>;
  /** Quantizable nodes left in float → why. */
  readonly skipped: ReadonlyMap<string, string>;
}

/** POT's ignored types for `model_type: transformer`, in ONNX. */
const TRANSFORMER_IGNORED = new Set([
  "Add",
  "Sub",
  "Mul",
  "Pow",
  "Squeeze",
  "ReduceMean",
  "MeanVarianceNormalization",
  "LayerNormalization",
  "InstanceNormalization",
]);

/** Places quantizers on a typed graph. */
export function placeQuantizers(view: GraphView, options: PlacementOptions, schemes: Schemes): Placement {
  const table = TARGETS[options.targetDevice ?? "ANY"];
  const skipped = nodesToSkip(view, options);
  const isAgnostic = (node: Node) =>
    node.domain === "" && table.agnostic.has(node.type) && !skipped.has(node.name) && canCarry(view, node);
  const wanted = wantedOperands(view, (node) => skipped.has(node.name) ? undefined : table.quantizable.get(node.type));
  if (!options.loneArithmetic) {
    for (const name of findLone(view, wanted, isAgnostic)) {
      wanted.delete(name);
      skipped.set(name, "arithmetic that runtimes compute in float");
    }
  }
  const quantized = new Set(wanted.keys());
  const activations: Sites = new Map();
  const constants: Edge[] = [];
  for (const edge of [...wanted.values()].flat()) {
    const value = edge.node.inputs[edge.input]!;
    if (view.isConstant(value)) constants.push(edge);
    else addSite(activations, value, edge);
  }
  for (const table of options.int8Embeddings === false ? [] : findTables(view)) {
    if (skipped.has(table.node.name)) continue;
    constants.push(table);
    quantized.add(table.node.name);
  }
  climb(view, activations, isAgnostic);
  for (const [value, edges] of activations) {
    if (!view.isConstant(value)) continue;
    activations.delete(value);
    constants.push(...edges);
  }
  const drafts = [...activationDrafts(activations), ...weightDrafts(view, constants, schemes)]
    .sort((a, b) => firstOperand(view, a) - firstOperand(view, b));
  const roleOf = (node: Node): Role => quantized.has(node.name) ? "quantized" : isAgnostic(node) ? "agnostic" : "other";
  const grouping = formGroups(view.nodes, drafts, roleOf);
  return assemble(view, drafts, grouping, roleOf, table.unified, skipped);
}

function nodesToSkip(view: GraphView, options: PlacementOptions): Map<string, string> {
  const table = TARGETS[options.targetDevice ?? "ANY"];
  const skipped = findSkipped(view);
  for (const name of findDetectionTails(view)) skipped.set(name, "detection tail");
  if (options.modelType === "transformer") {
    for (const node of view.nodes) if (TRANSFORMER_IGNORED.has(node.type)) skipped.set(node.name, "transformer");
  }
  const readersOf = (node: Node) => node.outputs.flatMap((value) => view.consumers(value).map((edge) => edge.node));
  const ignored = ignoredNodes(view.nodes, options.ignored ?? {}, readersOf, (node) => table.agnostic.has(node.type));
  for (const name of ignored) skipped.set(name, "ignored scope");
  for (const name of options.inserted ?? []) skipped.set(name, "smooth quant");
  return skipped;
}

/** Whether quantized values may pass through a value-moving node: its data are float, and padding adds only zeros. */
function canCarry(view: GraphView, node: Node): boolean {
  if (node.type === "Pad" && !zeroPads(view, node)) return false;
  const isFloat = dataInputs(node).every((input) => view.isQuantizableValue(node.inputs[input]!));
  return isFloat && dataInputs(node).some((input) => !view.isConstant(node.inputs[input]!)) &&
    (node.type === "Concat" || !view.isConstant(node.inputs[0]!));
}

function activationDrafts(sites: Sites): Draft[] {
  return [...sites].map(([value, edges]) => ({ name: value, value, kind: "activation", consumers: operands(edges) }));
}

/** One draft per constant and channel axis: nodes that share weights share their quantizer. */
function weightDrafts(view: GraphView, constants: readonly Edge[], schemes: Schemes): Draft[] {
  const shared = new Map<string, { value: string; axis: number | undefined; edges: Edge[] }>();
  for (const edge of constants) {
    const value = edge.node.inputs[edge.input]!;
    const axis = schemes.weights.granularity === "perchannel" ? channelAxis(view, edge) : undefined;
    const key = `${axis}:${edge.node.type === "Concat"}:${value}`;
    const entry = shared.get(key);
    if (entry) entry.edges.push(edge);
    else shared.set(key, { value, axis, edges: [edge] });
  }
  return [...shared.values()].map(({ value, axis, edges }) => ({
    name: value,
    value,
    kind: "weight",
    consumers: operands(edges),
    ...(axis === undefined ? {} : { channelAxis: axis }),
  }));
}

/** Axis of a weight operand's output channels, or of a table's columns; undefined for other constants, which are per tensor. */
function channelAxis(view: GraphView, { node, input }: Edge): number | undefined {
  if (input === 0 && readsTable(view, node)) return 1;
  if (view.weightInput(node) !== input) return undefined;
  const { operator, attributes } = view.resolved(node);
  const type = view.type(node.inputs[input]!)!;
  if (type.shape.length < 2 || !operator.weightChannelAxis) return undefined;
  return normalizeAxis(operator.weightChannelAxis(type, attributes), type.shape.length);
}

function firstOperand(view: GraphView, { consumers }: Draft): number {
  return Math.min(...consumers.map(({ node, input }) => view.order(node) + input / 1024));
}

function assemble(
  view: GraphView,
  drafts: readonly Draft[],
  grouping: Grouping,
  roleOf: (node: Node) => Role,
  unifiedTypes: ReadonlySet<string>,
  skipped: ReadonlyMap<string, string>,
): Placement {
  const groupOf = new Map(
    grouping.groups.flatMap((group) => group.quantizers.map((site) => [site, group.id] as const)),
  );
  const quantizerAt = new Map<string, number>();
  const carriedTo = new Map<number, Operand[]>();
  drafts.forEach((draft, id) => {
    for (const { node, input } of draft.consumers) quantizerAt.set(operandKey(node, input), id);
  });
  for (const node of view.nodes) {
    if (roleOf(node) === "other") continue;
    node.inputs.forEach((value, input) => {
      const site = grouping.carried.get(value);
      const key = operandKey(node.name, input);
      if (site === undefined || quantizerAt.has(key)) return;
      quantizerAt.set(key, site);
      carriedTo.set(site, [...carriedTo.get(site) ?? [], { node: node.name, input }]);
    });
  }
  const biases = biasDrafts(view, drafts, quantizerAt, roleOf);
  const groups = grouping.groups.map((group) => ({ ...group, quantizers: [...group.quantizers] }));
  const quantizers = [...drafts, ...biases.map(({ draft }) => draft)].map((draft, id): Quantizer => {
    const bias = biases[id - drafts.length];
    const group = bias ? groupOf.get(bias.weight)! : groupOf.get(id)!;
    if (bias) groups[group]!.quantizers.push(id);
    const carried = carriedTo.get(id);
    return { ...draft, id, group, ...(carried ? { carriedTo: carried } : {}) };
  });
  return {
    layout: { quantizers: withUniqueNames(quantizers), groups },
    unified: unifiedSets(view, quantizers, quantizerAt, roleOf, unifiedTypes),
    quantizerAt,
    carried: grouping.carried,
    skipped,
  };
}

/** Merges the quantizers that meet at every Concat, and at operators whose device wants one scale. */
function unifiedSets(
  view: GraphView,
  quantizers: readonly Quantizer[],
  quantizerAt: ReadonlyMap<string, number>,
  roleOf: (node: Node) => Role,
  unifiedTypes: ReadonlySet<string>,
): number[][] {
  const setOf = new Map<number, Set<number>>();
  for (const node of view.nodes) {
    const role = roleOf(node);
    const isConcat = role === "agnostic" && node.type === "Concat";
    if (!isConcat && !(role === "quantized" && unifiedTypes.has(node.type))) continue;
    const merged = new Set<number>();
    node.inputs.forEach((_, input) => {
      const id = quantizerAt.get(operandKey(node.name, input));
      if (id === undefined || (!isConcat && quantizers[id]!.kind !== "activation")) return;
      for (const member of setOf.get(id) ?? [id]) merged.add(member);
    });
    for (const member of merged) setOf.set(member, merged);
  }
  return [...new Set(setOf.values())].filter((set) => set.size > 1).map((set) => [...set].sort((a, b) => a - b));
}

/** A value may be quantized twice: weights along two axes, a bias shared by two layers. */
function withUniqueNames(quantizers: readonly Quantizer[]): Quantizer[] {
  const taken = new Set<string>();
  return quantizers.map((quantizer) => {
    let name = quantizer.name;
    for (let count = 2; taken.has(name); count++) name = `${quantizer.name}#${count}`;
    taken.add(name);
    return { ...quantizer, name };
  });
}
