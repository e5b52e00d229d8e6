/** How much memory the machine has left. */

/** Where Linux tells, a line for each kind. */
const MEMORY_FILE = "/proc/meminfo";

/** Bytes that can be had without swapping; Infinity where the system does not tell, or may not be asked. */
export function availableMemory(): number {
  if (!("Deno" in globalThis) || Deno.build.os !== "linux") return Infinity;
  if (Deno.permissions.querySync({ name: "read", path: MEMORY_FILE }).state !== "granted") return Infinity;
  try {
    const [, kibibytes] = /^MemAvailable:\s+(\d+) kB$/m.exec(Deno.readTextFileSync(MEMORY_FILE)) ?? [];
    return kibibytes === undefined ? Infinity : 1024 * Number(kibibytes);
  } catch {
    return Infinity;
  }
}
