/** Buffers, uploads and read-back. */
import {
  allocate,
  arrayOf,
  type DType,
  elementCount,
  formatShape,
  type HostTensor,
  storageOf,
  type TensorData,
} from "../base/tensor.ts";
import { DeviceError, OutOfMemoryError, UnsupportedError } from "../base/errors.ts";
import type { Gpu } from "./device.ts";
import { StagingBuffers } from "./staging.ts";

/** Bytes written before the queue is told to let go of its staging memory. */
const UPLOAD_CHUNK = 4 * 1024 * 1024;

/** Bytes of results that are copied out of a mapped buffer at a time. */
const MAPPED_CHUNK = 256 * 1024;

/** What places of ranges in a mapped buffer must be multiples of. */
const MAPPED_ALIGNMENT = 8;

/** Usage of buffers that kernels read and write. */
const STORAGE = GPUBufferUsage.STORAGE | GPUBufferUsage.COPY_SRC | GPUBufferUsage.COPY_DST;

/** A part of a buffer. */
export interface BufferPart {
  readonly buffer: GPUBuffer;
  readonly offset: number;
  /** Bytes. */
  readonly size: number;
}

/** Creates a buffer for kernels; throws OutOfMemoryError where one binding cannot hold it. */
export function createStorage(gpu: Gpu, byteLength: number, label: string): GPUBuffer {
  checkBinding(gpu, byteLength, label);
  return createPool(gpu, byteLength, label);
}

/** Creates a buffer that kernels bind in parts; throws OutOfMemoryError where the adapter has none that large. */
export function createPool(gpu: Gpu, byteLength: number, label: string): GPUBuffer {
  const { maxBufferSize } = gpu.device.limits;
  if (byteLength > maxBufferSize) {
    throw new OutOfMemoryError(
      `Cannot allocate "${label}": ${byteLength} bytes, the adapter's buffers hold at most ${maxBufferSize}`,
    );
  }
  return gpu.device.createBuffer({ label, size: Math.max(4, Math.ceil(byteLength / 4) * 4), usage: STORAGE });
}

/** Throws OutOfMemoryError where one binding cannot hold so many bytes. */
export function checkBinding(gpu: Gpu, byteLength: number, label: string): void {
  if (byteLength <= gpu.largestBinding) return;
  throw new OutOfMemoryError(
    `Cannot allocate "${label}": ${byteLength} bytes, the adapter binds at most ${gpu.largestBinding}`,
  );
}

/** Throws OutOfMemoryError where the adapter has no room for buffers of so many bytes together, as far as it is known. */
export function checkRoom(gpu: Gpu, byteLength: number): void {
  if (byteLength <= gpu.room) return;
  throw new OutOfMemoryError(
    `Cannot allocate buffers of ${byteLength} bytes: the machine, whose memory the adapter uses, has ${gpu.room} left`,
  );
}

/** Writes words into a buffer in chunks, each released at once: without a submit the queue keeps every staging copy. */
export function writeWords(gpu: Gpu, buffer: GPUBuffer, words: Uint32Array<ArrayBuffer>, byteOffset = 0): void {
  const step = UPLOAD_CHUNK / 4;
  for (let start = 0; start < words.length; start += step) {
    const count = Math.min(step, words.length - start);
    gpu.device.queue.writeBuffer(buffer, byteOffset + 4 * start, words, start, count);
    if (words.length > step) gpu.device.queue.submit([]);
  }
}

/**
 * A host tensor as 32-bit words: floats as float32, integers saturated to 32 bits. Throws UnsupportedError for a float64 that
 * float32 has no room for: computing on with infinity would be silently wrong.
 */
export function wordsOf(tensor: HostTensor): Uint32Array<ArrayBuffer> {
  const { dtype, data } = tensor;
  const storage = storageOf(dtype);
  if (storage === "f32") {
    // As they lie: to copy the weights of a large network takes seconds.
    if (data instanceof Float32Array) {
      return new Uint32Array(data.buffer as ArrayBuffer, data.byteOffset, data.length);
    }
    const floats = new Float32Array(data);
    if (dtype === "float64") checkFloatRange(data, floats);
    return new Uint32Array(floats.buffer);
  }
  if (storage === "u32") return Uint32Array.from(data, (value) => Math.min(Math.max(value, 0), 4294967295));
  const saturated = Int32Array.from(data, (value) => Math.min(Math.max(value, -2147483648), 2147483647));
  return new Uint32Array(saturated.buffer);
}

function checkFloatRange(data: TensorData, floats: Float32Array): void {
  const index = floats.findIndex((value, place) => !Number.isFinite(value) && Number.isFinite(data[place]!));
  if (index < 0) return;
  throw new UnsupportedError(`Cannot compute with float64 value ${data[index]}: kernels compute in float32`);
}

/** Words read back → host values of the given type, in the same memory where the type's values lie in words on the host as well. */
export function tensorFromWords(words: ArrayBuffer, dtype: DType, shape: readonly number[]): HostTensor {
  const length = elementCount(shape);
  if (words.byteLength < 4 * length) {
    throw new RangeError(`Cannot read tensor of shape ${formatShape(shape)}: ${words.byteLength} bytes`);
  }
  const views = {
    f32: () => new Float32Array(words, 0, length),
    i32: () => new Int32Array(words, 0, length),
    u32: () => new Uint32Array(words, 0, length),
  };
  const values = views[storageOf(dtype)]();
  return { dtype, shape, data: values instanceof arrayOf(dtype) ? values : convert(values, dtype) };
}

function convert(values: Float32Array | Int32Array | Uint32Array, dtype: DType): TensorData {
  const data = allocate(dtype, values.length);
  data.set(values);
  return data;
}

/** Bytes of a buffer that are read. */
export interface ReadPart {
  readonly buffer: GPUBuffer;
  readonly byteOffset?: number;
  readonly byteLength: number;
  /** Where they go, as long as they are; memory of their own unless stated. */
  readonly target?: Uint8Array<ArrayBuffer>;
}

/**
 * Copies parts of buffers to the host: one mapping for all of them, since each costs milliseconds. What is submitted after the call does
 * not change what is read. Gives the memory that each part lies in. Whoever reads again and again gives the staging buffers that are kept.
 */
export async function readBuffers(
  gpu: Gpu,
  parts: readonly ReadPart[],
  staging?: StagingBuffers,
): Promise<ArrayBuffer[]> {
  const places: number[] = [];
  let total = 0;
  for (const { byteLength } of parts) {
    places.push(total);
    total += Math.ceil(byteLength / MAPPED_ALIGNMENT) * MAPPED_ALIGNMENT;
  }
  const targets = parts.map(({ byteLength, target }) => target ?? new Uint8Array(byteLength));
  if (total === 0) return targets.map((target) => target.buffer);
  const { device } = gpu;
  using own = staging ? undefined : new StagingBuffers(device);
  const kept = staging ?? own!;
  const buffer = kept.take(total);
  using failing = new DisposableStack();
  failing.defer(() => buffer.destroy());
  const encoder = device.createCommandEncoder();
  parts.forEach(({ buffer: from, byteOffset = 0, byteLength }, index) => {
    if (byteLength > 0) encoder.copyBufferToBuffer(from, byteOffset, buffer, places[index]!, byteLength);
  });
  device.queue.submit([encoder.finish()]);
  await buffer.mapAsync(GPUMapMode.READ, 0, total).catch(async (cause) => {
    await gpu.settle();
    throw new DeviceError("Cannot read results back from the GPU", { cause });
  });
  gpu.check();
  targets.forEach((target, index) => copyMapped(buffer, places[index]!, target));
  buffer.unmap();
  failing.move();
  kept.giveBack(buffer);
  return targets.map((target) => target.buffer);
}

/**
 * Fills `target` from a mapped buffer. Deno gives every range that is asked for as a copy of its own: small ones come from memory that
 * was used before, large ones from memory that the system has yet to provide, which takes ten times as long as the copy.
 */
function copyMapped(buffer: GPUBuffer, byteOffset: number, target: Uint8Array<ArrayBuffer>): void {
  for (let start = 0; start < target.length; start += MAPPED_CHUNK) {
    const count = Math.min(MAPPED_CHUNK, target.length - start);
    target.set(new Uint8Array(buffer.getMappedRange(byteOffset + start, count)), start);
  }
}
