/** Buffers that results pass through on their way to the host. */

/** Bytes up to which a buffer is kept for the next reads: what one binding holds on adapters that grant the least. */
const KEPT_BYTES = 128 * 1024 * 1024;

/**
 * Staging buffers that are kept between reads: memory that was never touched before costs more than the copy into it, one page fault
 * for every 4 KiB. There are as many as reads that are under way at once. Dispose it to free those that are not in use.
 */
export class StagingBuffers {
  readonly #device: GPUDevice;
  #idle: GPUBuffer[] = [];

  constructor(device: GPUDevice) {
    this.#device = device;
  }

  /** A buffer with room for `byteLength` bytes that nobody else reads. */
  take(byteLength: number): GPUBuffer {
    const place = this.#idle.findIndex(({ size }) => size >= byteLength);
    const buffer = this.#idle.splice(Math.max(0, place), 1)[0];
    if (buffer && place >= 0) return buffer;
    // The new one takes the place of the one that is too small.
    buffer?.destroy();
    const usage = GPUBufferUsage.MAP_READ | GPUBufferUsage.COPY_DST;
    return this.#device.createBuffer({ label: "staging", size: byteLength, usage });
  }

  /** Takes back a buffer that is not mapped any more. */
  giveBack(buffer: GPUBuffer): void {
    if (buffer.size > KEPT_BYTES) buffer.destroy();
    else this.#idle = [...this.#idle, buffer].sort((a, b) => a.size - b.size);
  }

  [Symbol.dispose](): void {
    for (const buffer of this.#idle.splice(0)) buffer.destroy();
  }
}
