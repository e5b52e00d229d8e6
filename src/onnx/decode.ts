/** Bytes → ONNX messages. */
import { ModelError } from "../base/errors.ts";
import { type ModelProto, onnx, type TensorProto } from "./proto.ts";

/** Decodes a model file; throws ModelError for anything that is not one. `named` follows "model" in messages. */
export function decodeModel(bytes: Uint8Array, named = ""): ModelProto {
  let model: ModelProto;
  try {
    model = onnx.ModelProto.decode(plainBytes(bytes));
  } catch (cause) {
    throw new ModelError(`Cannot read model${named}: not an ONNX file, or truncated (${bytes.length} bytes)`, {
      cause,
    });
  }
  if (!model.graph || (model.graph.output ?? []).length === 0) {
    throw new ModelError(`Cannot read model${named}: the file has no graph with outputs, expected an ONNX ModelProto`);
  }
  return model;
}

/** Decodes a serialized TensorProto, the format of the ONNX backend tests' inputs and outputs. */
export function decodeTensorProto(bytes: Uint8Array): TensorProto {
  try {
    return onnx.TensorProto.decode(plainBytes(bytes));
  } catch (cause) {
    throw new ModelError(`Cannot read tensor: not a TensorProto (${bytes.length} bytes)`, { cause });
  }
}

/** The same memory, never as Node's Buffer, whose slices share it instead of being copies. */
function plainBytes(bytes: Uint8Array): Uint8Array {
  return new Uint8Array(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}
