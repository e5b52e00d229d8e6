/** Real networks and data beside the repository: for whoever has them, never needed. */

/** Path below the folder of shared data, or undefined (said aloud, once per caller) where it is not there. */
export function sharedData(path: string): string | undefined {
  const full = new URL(`../../../shared/data/${path}`, import.meta.url).pathname;
  try {
    Deno.statSync(full);
    return full;
  } catch {
    console.error(`SKIPPED: ../shared/data/${path} is not there`);
    return undefined;
  }
}
