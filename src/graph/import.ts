/** ModelProto → Graph. */
import { ModelError, UnsupportedError } from "../base/errors.ts";
import type { HostTensor } from "../base/tensor.ts";
import {
  type AttributeProto,
  type GraphProto,
  type ModelProto,
  onnx,
  type TensorProto,
  toNumber,
  type ValueInfoProto,
} from "../onnx/proto.ts";
import { inlineFunctions } from "../onnx/inline_functions.ts";
import { dtypeOf, type ReadExternal, tensorFromProto } from "../onnx/tensor.ts";
import type { AttributeValue } from "./attributes.ts";
import { checkValues } from "./check.ts";
import type { Graph, GraphMetadata, Node, ValueInfo } from "./graph.ts";
import { sortNodes } from "./sort_nodes.ts";

/** Opsets of the ONNX domain that the operators cover. */
export const OPSET_RANGE = { oldest: 1, newest: 28 } as const;

/**
 * Imports a decoded model, its functions inlined. Nodes are brought into topological order and given unique names; `readExternal` reads files
 * of external data.
 */
export function importGraph(file: ModelProto, readExternal?: ReadExternal): Graph {
  const model = inlineFunctions(file);
  const opsets = new Map(
    (model.opsetImport ?? []).map((entry) => [normalizeDomain(entry.domain), toNumber(entry.version)]),
  );
  const opset = opsets.get("") ?? OPSET_RANGE.oldest;
  if (opset < OPSET_RANGE.oldest || opset > OPSET_RANGE.newest) {
    throw new UnsupportedError(
      `Cannot import model: opset ${opset}, expected ${OPSET_RANGE.oldest} to ${OPSET_RANGE.newest}`,
    );
  }
  opsets.delete("");
  const metadata: GraphMetadata = {
    irVersion: toNumber(model.irVersion),
    producerName: model.producerName ?? "",
    producerVersion: model.producerVersion ?? "",
    domain: model.domain ?? "",
    modelVersion: toNumber(model.modelVersion),
    docString: model.docString ?? "",
    properties: new Map((model.metadataProps ?? []).map((entry) => [entry.key ?? "", entry.value ?? ""])),
    otherOpsets: opsets,
  };
  return importGraphProto(model.graph as GraphProto, {
    opset,
    metadata,
    readExternal,
    outer: new Set(),
    depth: 0,
  });
}

interface ImportContext {
  readonly opset: number;
  readonly metadata: GraphMetadata;
  readonly readExternal: ReadExternal | undefined;
  /** Values of the enclosing graphs, which a body may read. */
  readonly outer: ReadonlySet<string>;
  /** How many bodies a graph lies in. */
  readonly depth: number;
}

/** Bodies in bodies up to which models are read: further down nothing honest lies. */
const MOST_BODIES = 32;

function importGraphProto(proto: GraphProto, context: ImportContext): Graph {
  if ((proto.sparseInitializer ?? []).length > 0) {
    throw new UnsupportedError("Cannot import model: it has sparse initializers");
  }
  if (context.depth > MOST_BODIES) {
    throw new UnsupportedError(
      `Cannot import model: bodies lie in each other ${context.depth} deep, expected ${MOST_BODIES} at most`,
    );
  }
  const isBody = context.depth > 0;
  const initializers = new Map<string, HostTensor>();
  for (const tensor of proto.initializer ?? []) {
    const name = tensor.name ?? "";
    if (initializers.has(name)) throw new ModelError(`Cannot import model: two initializers have the name "${name}"`);
    initializers.set(name, tensorFromProto(tensor as TensorProto, context.readExternal));
  }
  const inputs = (proto.input ?? []).filter((input) => !initializers.has(input.name ?? ""))
    .map((input) => importValueInfo(input as ValueInfoProto, isBody));
  const given = new Set([...context.outer, ...initializers.keys(), ...inputs.map((input) => input.name)]);
  const known = new Set(given);
  for (const node of proto.node ?? []) for (const output of node.output ?? []) known.add(output);
  const nodes = importNodes(proto, { ...context, outer: known, depth: context.depth + 1 });
  const outputs = (proto.output ?? []).map((output) => importValueInfo(output as ValueInfoProto, isBody));
  checkValues({ inputs, outputs, initializers, nodes }, context.outer);
  return {
    name: proto.name ?? "",
    opset: context.opset,
    inputs,
    outputs,
    initializers,
    nodes: sortNodes(nodes, given),
    metadata: context.metadata,
  };
}

/** The nodes in the order of the file; `context` is that of bodies in them. */
function importNodes(proto: GraphProto, context: ImportContext): Node[] {
  const names = new Set((proto.node ?? []).map((node) => node.name).filter(Boolean));
  const taken = new Set<string>();
  return (proto.node ?? []).map((node, index): Node => {
    const wanted = node.name || `${node.opType}_${index}`;
    let name = wanted;
    for (let count = index; taken.has(name) || (name !== node.name && names.has(name)); count++) {
      name = `${wanted}_${count}`;
    }
    taken.add(name);
    return {
      name,
      type: node.opType ?? "",
      domain: normalizeDomain(node.domain),
      inputs: withoutAbsentEnd(node.input ?? []),
      outputs: withoutAbsentEnd(node.output ?? []),
      attributes: new Map(
        (node.attribute ?? []).map((
          attribute,
        ) => [attribute.name ?? "", importAttribute(attribute as AttributeProto, name, context)]),
      ),
    };
  });
}

/** Absent operands at the end say what a shorter list says. */
function withoutAbsentEnd(names: readonly string[]): readonly string[] {
  return names.slice(0, 1 + names.findLastIndex((name) => name !== ""));
}

function normalizeDomain(domain: string | null | undefined): string {
  return !domain || domain === "ai.onnx" ? "" : domain;
}

function importValueInfo(proto: ValueInfoProto, isInBody: boolean): ValueInfo {
  const name = proto.name ?? "";
  if (!proto.type && isInBody) return { name, dtype: "float32", shape: undefined, isUntyped: true };
  const tensor = proto.type?.tensorType;
  if (!tensor) throw new UnsupportedError(`Cannot import value "${name}": it is no tensor`);
  return {
    name,
    dtype: dtypeOf(tensor.elemType),
    shape: tensor.shape?.dim?.map((dim) => dim.dimParam || extentOf(toNumber(dim.dimValue))),
  };
}

/** Files state extents that they do not know as 0 or below. */
function extentOf(value: number): number | "" {
  return value > 0 ? value : "";
}

function importAttribute(proto: AttributeProto, node: string, context: ImportContext): AttributeValue {
  const types = onnx.AttributeProto.AttributeType;
  switch (attributeType(proto)) {
    case types.FLOAT:
      return { type: "float", value: proto.f ?? 0 };
    case types.INT:
      return { type: "int", value: toNumber(proto.i) };
    case types.STRING:
      return { type: "string", value: new TextDecoder().decode(proto.s ?? new Uint8Array()) };
    case types.TENSOR:
      if (!proto.t) throw emptyAttribute(proto, node, "tensor");
      return { type: "tensor", value: tensorFromProto(proto.t as TensorProto, context.readExternal) };
    case types.GRAPH:
      if (!proto.g) throw emptyAttribute(proto, node, "graph");
      return { type: "graph", value: importGraphProto(proto.g as GraphProto, context) };
    case types.FLOATS:
      return { type: "floats", value: proto.floats ?? [] };
    case types.INTS:
      return { type: "ints", value: (proto.ints ?? []).map((value) => toNumber(value)) };
    case types.STRINGS:
      return { type: "strings", value: (proto.strings ?? []).map((value) => new TextDecoder().decode(value)) };
    default:
      throw new UnsupportedError(
        `Cannot import attribute "${proto.name}" of node "${node}": its type is not supported`,
      );
  }
}

function emptyAttribute({ name }: AttributeProto, node: string, what: string): ModelError {
  return new ModelError(
    `Cannot import attribute "${name}" of node "${node}": it has no ${what}, which its type promises`,
  );
}

/** Files from before the type field existed say it by what they hold. */
function attributeType(proto: AttributeProto): number {
  const types = onnx.AttributeProto.AttributeType;
  if (proto.type) return proto.type;
  if (Object.hasOwn(proto, "f")) return types.FLOAT;
  if (Object.hasOwn(proto, "i")) return types.INT;
  if (Object.hasOwn(proto, "s")) return types.STRING;
  if (proto.t) return types.TENSOR;
  if (proto.g) return types.GRAPH;
  if (proto.floats?.length) return types.FLOATS;
  return proto.strings?.length ? types.STRINGS : types.INTS;
}
