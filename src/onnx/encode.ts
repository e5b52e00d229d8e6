/** ONNX messages → bytes. */
import { type ModelProto, onnx } from "./proto.ts";

/** Largest message that protobuf allows, in bytes. */
const PROTOBUF_LIMIT = 2 ** 31 - 1;

/** Encodes a model; throws RangeError where it would pass protobuf's limit of 2 GiB. */
export function encodeModel(model: ModelProto): Uint8Array {
  const bytes = onnx.ModelProto.encode(model).finish();
  if (bytes.length > PROTOBUF_LIMIT) {
    throw new RangeError(`Cannot encode model: ${bytes.length} bytes, expected below 2 GiB`);
  }
  return bytes;
}
