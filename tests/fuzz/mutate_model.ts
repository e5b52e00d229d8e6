/** Damage to ONNX models that keeps them readable: wrong extents, types, names, attributes and bodies. */
import { decodeModel } from "../../src/onnx/decode.ts";
import { type AttributeProto, type GraphProto, type ModelProto, type NodeProto, onnx } from "../../src/onnx/proto.ts";
import { OPERATORS } from "../../src/ops/registry.ts";
import type { Draw } from "./draw.ts";
import { damageBytes } from "./mutate_bytes.ts";

/** Extents that files state by mistake or on purpose. */
const EXTENTS = [0, -1, 1, 2, 3, 7, 1000, 65536, 2 ** 20, 2 ** 31 - 1, 2 ** 31, 2 ** 33, 2 ** 53, -(2 ** 40)];
const OPSETS = [-1, 0, 1, 6, 7, 9, 11, 13, 18, 21, 22, 99, 2 ** 31, 2 ** 52];
const TEXTS = ["", "NOTSET", "SAME_UPPER", "x", "../x", "constant", "linear", "\u0000", "a".repeat(300)];
const TYPES = [...new Set(OPERATORS.filter(({ domain = "" }) => domain === "").map(({ type }) => type))];
const LOCATIONS = ["", "w.bin", "../w.bin", "/dev/zero", "link.bin", "sub/../w.bin", "C:\\w.bin", ".", "gone.bin"];
const PLACES = ["0", "-1", "4", "1e99", "99999999999999999999", "NaN", "", "0x10", "1.5"];

/** A model file with one to three damages, most of them to its structure. */
export function damageModel(bytes: Uint8Array, draw: Draw): Uint8Array<ArrayBuffer> {
  if (draw.chance(0.2)) return damageBytes(bytes, draw);
  const model = decodeModel(bytes);
  for (let left = 1 + draw.below(3); left > 0; left--) draw.of(DAMAGES)(model, graphIn(model, draw), draw);
  const damaged = new Uint8Array(onnx.ModelProto.encode(model).finish());
  return draw.chance(0.1) ? damageBytes(damaged, draw) : damaged;
}

type Damage = (model: ModelProto, graph: GraphProto, draw: Draw) => void;

const DAMAGES: readonly Damage[] = [
  (_model, graph, draw) => onOne(graph.initializer, draw, (tensor) => tensor.dims = shifted(tensor.dims ?? [], draw)),
  (_model, graph, draw) => onOne(graph.initializer, draw, (tensor) => tensor.dataType = draw.below(26)),
  (_model, graph, draw) =>
    onOne(graph.initializer, draw, (tensor) => tensor.rawData = damageBytes(tensor.rawData ?? new Uint8Array(), draw)),
  (_model, graph, draw) =>
    onOne(graph.initializer, draw, (tensor) => {
      tensor.dataLocation = onnx.TensorProto.DataLocation.EXTERNAL;
      tensor.externalData = [["location", LOCATIONS], ["offset", PLACES], ["length", PLACES]].filter(() =>
        draw.chance(0.8)
      ).map(([key, values]) => onnx.StringStringEntryProto.create({ key: String(key), value: draw.of([...values!]) }));
    }),
  (_model, graph, draw) =>
    onOne(graph.initializer, draw, (tensor) => {
      // A float made of other bits: NaN, infinity, tiny and huge values.
      tensor.rawData = Uint8Array.from(tensor.rawData ?? [], () => draw.below(256));
    }),
  (_model, graph, draw) => onOne(graph.initializer, draw, (tensor) => tensor.name = anyName(graph, draw)),
  (_model, graph, draw) => onOne(graph.initializer, draw, (tensor) => graph.initializer?.push(tensor)),
  (_model, graph, draw) => onOne(graph.node, draw, (node) => node.opType = draw.of(TYPES)),
  (_model, graph, draw) => onOne(graph.node, draw, (node) => replaceOne(node.input, anyName(graph, draw), draw)),
  (_model, graph, draw) => onOne(graph.node, draw, (node) => replaceOne(node.output, anyName(graph, draw), draw)),
  (_model, graph, draw) => onOne(graph.node, draw, (node) => node.input?.splice(draw.below(4), 1 + draw.below(2))),
  (_model, graph, draw) => onOne(graph.node, draw, (node) => node.output?.splice(draw.below(2), 1)),
  (_model, graph, draw) => onOne(graph.node, draw, (node) => node.input?.push(anyName(graph, draw))),
  (_model, graph, draw) => onOne(graph.node, draw, (node) => node.output?.push(`more${draw.below(9)}`)),
  (_model, graph, draw) => onOne(graph.node, draw, (node) => node.domain = draw.of(["", "ai.onnx", "holdfast", "x"])),
  (_model, graph, draw) => onOne(graph.node, draw, (node) => graph.node?.push(node)),
  (_model, graph, draw) => graph.node?.splice(draw.below(graph.node.length), 1),
  (_model, graph) => graph.node?.reverse(),
  (_model, graph, draw) => onAttribute(graph, draw, (attribute) => attribute.type = draw.below(13)),
  (_model, graph, draw) => onAttribute(graph, draw, (attribute) => attribute.i = draw.of(EXTENTS)),
  (_model, graph, draw) => onAttribute(graph, draw, (attribute) => attribute.f = draw.of([NaN, -Infinity, 0, -1e30])),
  (_model, graph, draw) =>
    onAttribute(graph, draw, (attribute) => attribute.s = new TextEncoder().encode(draw.of(TEXTS))),
  (_model, graph, draw) =>
    onAttribute(graph, draw, (attribute) => attribute.ints = shifted(attribute.ints ?? [], draw)),
  (_model, graph, draw) => onAttribute(graph, draw, (attribute) => attribute.name = draw.of(["", "axis", "perm", "x"])),
  (_model, graph, draw) => onOne(graph.node, draw, (node) => node.attribute?.splice(0, 1)),
  (_model, graph, draw) => onOne(graph.node, draw, (node) => addAttribute(node as NodeProto, draw)),
  (_model, graph, draw) => onOne(graph.node, draw, (node) => nest(node as NodeProto, graph, draw)),
  (_model, graph, draw) => onOne([...graph.input ?? [], ...graph.output ?? []], draw, (value) => value.type = null),
  (_model, graph, draw) =>
    onOne([...graph.input ?? [], ...graph.output ?? []], draw, (value) => {
      const shape = value.type?.tensorType?.shape;
      if (shape) shape.dim = shifted(EXTENTS.slice(0, 3), draw).map((dimValue) => ({ dimValue }));
    }),
  (_model, graph, draw) =>
    onOne(graph.input, draw, (value) => {
      if (value.type?.tensorType) value.type.tensorType.elemType = draw.below(26);
    }),
  (_model, graph, draw) => onOne(graph.input, draw, (value) => value.name = anyName(graph, draw)),
  (_model, graph, draw) => onOne(graph.output, draw, (value) => value.name = anyName(graph, draw)),
  (_model, graph, draw) => onOne(graph.output, draw, (value) => graph.output?.push(value)),
  (_model, graph) => graph.input?.pop(),
  (model, _graph, draw) => onOne(model.opsetImport, draw, (entry) => entry.version = draw.of(OPSETS)),
  (model, _graph, draw) => onOne(model.opsetImport, draw, (entry) => entry.domain = draw.of(["x", "ai.onnx", ""])),
  (model) => model.opsetImport?.pop(),
  (model, _graph, draw) =>
    onOne(model.functions, draw, (one) =>
      onOne(one.node, draw, (node) => {
        [node.domain, node.opType] = draw.of([["own", "Outer"], ["own", "Inner"], ["", "Relu"], ["x", "Outer"]]);
      })),
  (model, _graph, draw) =>
    onOne(model.functions, draw, (one) => one.output?.splice(0, 1, draw.of([...one.input ?? [], "nowhere", ""]))),
  (model, _graph, draw) => onOne(model.functions, draw, (one) => one.input?.splice(0, 1)),
  (model, _graph, draw) => onOne(model.functions, draw, (one) => model.functions?.push(one)),
  (model, _graph, draw) => onOne(model.functions, draw, (one) => one.name = draw.of(["Outer", "Inner", "", "Relu"])),
];

/** The main graph, or one in it. */
function graphIn(model: ModelProto, draw: Draw): GraphProto {
  const bodies = (graph: GraphProto): GraphProto[] => [
    graph,
    ...(graph.node ?? []).flatMap((node) =>
      (node.attribute ?? []).flatMap(({ g }) => g ? bodies(g as GraphProto) : [])
    ),
  ];
  return draw.of(bodies(model.graph as GraphProto));
}

function onOne<T>(list: T[] | null | undefined, draw: Draw, change: (item: T) => void): void {
  if (list && list.length > 0) change(draw.of(list));
}

function onAttribute(graph: GraphProto, draw: Draw, change: (attribute: AttributeProto) => void): void {
  onOne((graph.node ?? []).flatMap((node) => node.attribute ?? []) as AttributeProto[], draw, change);
}

function replaceOne(names: string[] | null | undefined, name: string, draw: Draw): void {
  if (names && names.length > 0) names[draw.below(names.length)] = name;
}

/** A value of the graph, so that cycles and double definitions come about, or none. */
function anyName(graph: GraphProto, draw: Draw): string {
  const names = (graph.node ?? []).flatMap(({ input, output }) => [...input ?? [], ...output ?? []]);
  return draw.of([...names, ...(graph.initializer ?? []).map(({ name }) => name ?? ""), "", "nowhere"]);
}

type Extent = number | { toNumber(): number };

/** Extents with one changed, added or removed. */
function shifted(extents: readonly unknown[], draw: Draw): number[] {
  const numbers = extents.map((extent) => typeof extent === "number" ? extent : (extent as Extent & object).toNumber());
  const at = draw.below(numbers.length + 1);
  return numbers.toSpliced(at, draw.below(3), ...(draw.chance(0.8) ? [draw.of(EXTENTS)] : []));
}

const NAMES = ["axis", "axes", "perm", "group", "strides", "pads", "dilations", "kernel_shape", "mode", "to", "value"];

function addAttribute(node: NodeProto, draw: Draw): void {
  const types = onnx.AttributeProto.AttributeType;
  const name = draw.of(NAMES);
  const ints = shifted(EXTENTS.slice(2, 4), draw);
  (node.attribute ??= []).push(
    onnx.AttributeProto.create(draw.of([
      { name, type: types.INT, i: draw.of(EXTENTS) },
      { name, type: types.INTS, ints },
      { name, type: types.STRING, s: new TextEncoder().encode(draw.of(TEXTS)) },
      { name, type: types.FLOAT, f: NaN },
    ])),
  );
}

/** Puts the graph into itself as body of a node, up to some hundred levels deep. */
function nest(node: NodeProto, graph: GraphProto, draw: Draw): void {
  let body = onnx.GraphProto.create({ ...graph, node: [], name: "body" });
  for (let depth = draw.of([1, 3, 40, 400]); depth > 0; depth--) {
    const attribute = [{ name: "then_branch", type: onnx.AttributeProto.AttributeType.GRAPH, g: body }];
    body = onnx.GraphProto.create({ name: "body", node: [{ opType: "If", input: ["c"], output: ["o"], attribute }] });
  }
  const type = onnx.AttributeProto.AttributeType.GRAPH;
  (node.attribute ??= []).push(onnx.AttributeProto.create({ name: "body", type, g: body }));
}
