/** ModelProto → Graph. */
import { ModelError, UnsupportedError } from "../base/errors.ts";
import {
  type AttributeProto,
  type GraphProto,
  type ModelProto,
  onnx,
  toNumber,
  type ValueInfoProto,
} from "../onnx/proto.ts";
import { dtypeOf, type ReadExternal, tensorFromProto } from "../onnx/tensor.ts";
import type { AttributeValue } from "./attributes.ts";
import { capturedBy } from "./captures.ts";
import type { Graph, GraphMetadata, Node, ValueInfo } from "./graph.ts";

/** Opsets of the ONNX domain that the operators cover. */
export const OPSET_RANGE = { oldest: 1, newest: 21 } as const;

/**
 * Imports a decoded model. Nodes are brought into topological order and given unique names; `readExternal` reads files
 * of external data.
 */
export function importGraph(model: ModelProto, readExternal?: ReadExternal): Graph {
  if ((model.functions ?? []).length > 0) {
    throw new UnsupportedError(`Cannot import model: it defines ${model.functions!.length} local functions`);
  }
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
    isBody: false,
  });
}

interface ImportContext {
  readonly opset: number;
  readonly metadata: GraphMetadata;
  readonly readExternal: ReadExternal | undefined;
  /** Values of the enclosing graphs, which a body may read. */
  readonly outer: ReadonlySet<string>;
  readonly isBody: boolean;
}

function importGraphProto(proto: GraphProto, context: ImportContext): Graph {
  if ((proto.sparseInitializer ?? []).length > 0) {
    throw new UnsupportedError("Cannot import model: it has sparse initializers");
  }
  const initializers = new Map(
    (proto.initializer ?? []).map((
      tensor,
    ) => [tensor.name ?? "", tensorFromProto(tensor as never, context.readExternal)]),
  );
  const inputs = (proto.input ?? []).filter((input) => !initializers.has(input.name ?? ""))
    .map((input) => importValueInfo(input as ValueInfoProto, context.isBody));
  const known = new Set([...context.outer, ...initializers.keys(), ...inputs.map((input) => input.name)]);
  for (const node of proto.node ?? []) for (const output of node.output ?? []) known.add(output);
  const names = new Set((proto.node ?? []).map((node) => node.name).filter(Boolean));
  const taken = new Set<string>();
  const nodes = (proto.node ?? []).map((node, index): Node => {
    let name = node.name || `${node.opType}_${index}`;
    while (taken.has(name) || (!node.name && names.has(name))) name += "_";
    taken.add(name);
    return {
      name,
      type: node.opType ?? "",
      domain: normalizeDomain(node.domain),
      inputs: node.input ?? [],
      outputs: node.output ?? [],
      attributes: new Map(
        (node.attribute ?? []).map((
          attribute,
        ) => [
          attribute.name ?? "",
          importAttribute(attribute as AttributeProto, name, { ...context, outer: known, isBody: true }),
        ]),
      ),
    };
  });
  const outputs = (proto.output ?? []).map((output) => importValueInfo(output as ValueInfoProto, context.isBody));
  return {
    name: proto.name ?? "",
    opset: context.opset,
    inputs,
    outputs,
    initializers,
    nodes: sortNodes(nodes, new Set([...context.outer, ...initializers.keys(), ...inputs.map((input) => input.name)])),
    metadata: context.metadata,
  };
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
    shape: tensor.shape?.dim?.map((dim) => dim.dimParam || toNumber(dim.dimValue) || ""),
  };
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
      return { type: "tensor", value: tensorFromProto(proto.t as never, context.readExternal) };
    case types.GRAPH:
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

/** Stable topological order; throws where a value has no producer or a cycle closes. */
function sortNodes(nodes: readonly Node[], given: ReadonlySet<string>): Node[] {
  const known = new Set(given);
  const sorted: Node[] = [];
  let waiting = nodes;
  while (waiting.length > 0) {
    const blocked: Node[] = [];
    for (const node of waiting) {
      if ([...node.inputs, ...capturedBy(node)].every((input) => input === "" || known.has(input))) {
        sorted.push(node);
        node.outputs.forEach((output) => known.add(output));
      } else {
        blocked.push(node);
      }
    }
    if (blocked.length === waiting.length) {
      const node = blocked[0]!;
      const missing = [...node.inputs, ...capturedBy(node)].find((input) => input !== "" && !known.has(input));
      throw new ModelError(`Cannot import ${node.type} node "${node.name}": its input "${missing}" has no producer`);
    }
    waiting = blocked;
  }
  return sorted;
}
