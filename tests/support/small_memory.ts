/** A GPU with little memory: what the software adapter never is. */
import type { Gpu } from "../../src/gpu/device.ts";

/** The memory of a device. */
export interface SmallMemory {
  /** Bytes of buffers that are not destroyed. */
  readonly used: number;
  /** The most that they ever took. */
  readonly peak: number;
  /** Allocations that failed. */
  readonly failures: number;
  /** Bytes that buffers may take from here on. */
  limit: number;
}

/**
 * Lets buffers of a device take `limit` bytes at once. One that does not fit is invalid and is reported as drivers do it: to the
 * innermost error scope for memory, else as an uncaptured error in a later task.
 */
export function limitMemory({ device }: Gpu, limit: number): SmallMemory {
  const memory = { used: 0, peak: 0, failures: 0, limit };
  const scopes: { readonly filter: GPUErrorFilter; error: GPUError | undefined }[] = [];
  const [create, push, pop] = [device.createBuffer, device.pushErrorScope, device.popErrorScope].map((method) =>
    method.bind(device)
  ) as [GPUDevice["createBuffer"], GPUDevice["pushErrorScope"], GPUDevice["popErrorScope"]];
  const fail = (): GPUBuffer => {
    memory.failures++;
    const error = new GPUOutOfMemoryError("Not enough memory left");
    const scope = scopes.findLast(({ filter }) => filter === "out-of-memory");
    if (scope) scope.error ??= error;
    else setTimeout(() => device.dispatchEvent(new GPUUncapturedErrorEvent("uncapturederror", { error })), 0);
    push("validation");
    const invalid = create({ size: 16, usage: 0 });
    pop();
    return invalid;
  };
  device.createBuffer = (descriptor) => {
    if (memory.used + descriptor.size > memory.limit) return fail();
    const buffer = create(descriptor);
    const destroy = buffer.destroy.bind(buffer);
    let isThere = true;
    memory.used += descriptor.size;
    memory.peak = Math.max(memory.peak, memory.used);
    buffer.destroy = () => {
      if (isThere) memory.used -= descriptor.size;
      isThere = false;
      destroy();
    };
    return buffer;
  };
  device.pushErrorScope = (filter) => {
    scopes.push({ filter, error: undefined });
    push(filter);
  };
  device.popErrorScope = async () => {
    const scope = scopes.pop();
    const real = await pop();
    return scope?.error ?? real;
  };
  return memory;
}
