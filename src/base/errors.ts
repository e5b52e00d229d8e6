/**
 * The errors that callers may want to tell apart. API misuse throws the built-in TypeError and RangeError.
 * Messages follow one grammar: `Cannot <verb> <what>[ of <Op> node "<name>"]: <found>[, expected <what>]`.
 */

/** A file that is malformed or breaks the ONNX specification. */
export class ModelError extends Error {
  /** Tells the class from others. */
  override readonly name = "ModelError";
}

/** A dataset that cannot be read as described. */
export class DatasetError extends Error {
  /** Tells the class from others. */
  override readonly name = "DatasetError";
}

/** Options or a configuration that make no sense; the command line's exit code 2. */
export class UsageError extends Error {
  /** Tells the class from others. */
  override readonly name = "UsageError";
}

/** Valid input that the project does not support; `reasons` lists every one found, not just the first. */
export class UnsupportedError extends Error {
  /** Tells the class from others. */
  override readonly name = "UnsupportedError";
  /** `reasons` has one entry for every kind of thing that is not supported. */
  constructor(message: string, readonly reasons: readonly string[] = []) {
    super(message);
  }
}

/** A kernel that the driver refused; carries the driver's own text. */
export class ShaderError extends Error {
  /** Tells the class from others. */
  override readonly name = "ShaderError";
}

/** No adapter, a limit that is too small, or a lost device. */
export class DeviceError extends Error {
  /** Tells the class from others. */
  override readonly name = "DeviceError";
}

/** The GPU has no memory left, or no buffer as large as asked for: with less at a time it may go. */
export class OutOfMemoryError extends DeviceError {}

/** Marks a branch that the type system proves dead. */
export function unreachable(value: never): never {
  throw new Error(`Cannot continue: unexpected ${JSON.stringify(value)}`);
}
