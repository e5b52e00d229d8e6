/** Graph → ModelProto. */
import { type AttributeProto, type GraphProto, type ModelProto, onnx, type ValueInfoProto } from "../onnx/proto.ts";
import { dataTypeNumber, tensorToProto } from "../onnx/tensor.ts";
import type { AttributeValue } from "./attributes.ts";
import type { Graph, ValueInfo } from "./graph.ts";

/** The oldest IR version that allows opset 13 and initializers that are not inputs. */
const OLDEST_IR_VERSION = 7;

/** Exports a graph with its metadata, all initializers inside the file. */
export function exportGraph(graph: Graph): ModelProto {
  const { metadata } = graph;
  return onnx.ModelProto.create({
    irVersion: Math.max(metadata.irVersion, OLDEST_IR_VERSION),
    producerName: metadata.producerName,
    producerVersion: metadata.producerVersion,
    domain: metadata.domain,
    modelVersion: metadata.modelVersion,
    docString: metadata.docString,
    opsetImport: [
      { domain: "", version: graph.opset },
      ...[...metadata.otherOpsets].map(([domain, version]) => ({ domain, version })),
    ],
    metadataProps: [...metadata.properties].map(([key, value]) => ({ key, value })),
    graph: exportGraphProto(graph),
  }) as ModelProto;
}

function exportGraphProto(graph: Graph): GraphProto {
  return onnx.GraphProto.create({
    name: graph.name || "graph",
    input: graph.inputs.map(exportValueInfo),
    output: graph.outputs.map(exportValueInfo),
    initializer: [...graph.initializers].map(([name, tensor]) => tensorToProto(tensor, name)),
    node: graph.nodes.map((node) => ({
      name: node.name,
      opType: node.type,
      domain: node.domain,
      input: [...node.inputs],
      output: [...node.outputs],
      attribute: [...node.attributes].map(([name, value]) => exportAttribute(name, value)),
    })),
  }) as GraphProto;
}

function exportValueInfo(value: ValueInfo): ValueInfoProto {
  const dim = value.shape?.map((extent) =>
    typeof extent === "number" ? { dimValue: extent } : extent === "" ? {} : { dimParam: extent }
  );
  if (value.isUntyped) return onnx.ValueInfoProto.create({ name: value.name }) as ValueInfoProto;
  return onnx.ValueInfoProto.create({
    name: value.name,
    type: { tensorType: { elemType: dataTypeNumber(value.dtype), ...(dim ? { shape: { dim } } : {}) } },
  }) as ValueInfoProto;
}

function exportAttribute(name: string, value: AttributeValue): AttributeProto {
  return onnx.AttributeProto.create({ name, ...attributeFields(value) }) as AttributeProto;
}

function attributeFields(attribute: AttributeValue): Partial<AttributeProto> {
  const types = onnx.AttributeProto.AttributeType;
  const encode = (text: string) => new TextEncoder().encode(text);
  switch (attribute.type) {
    case "int":
      return { type: types.INT, i: attribute.value };
    case "float":
      return { type: types.FLOAT, f: attribute.value };
    case "string":
      return { type: types.STRING, s: encode(attribute.value) };
    case "tensor":
      return { type: types.TENSOR, t: tensorToProto(attribute.value, "") };
    case "graph":
      return { type: types.GRAPH, g: exportGraphProto(attribute.value) };
    case "ints":
      return { type: types.INTS, ints: [...attribute.value] };
    case "floats":
      return { type: types.FLOATS, floats: [...attribute.value] };
    case "strings":
      return { type: types.STRINGS, strings: attribute.value.map(encode) };
  }
}
