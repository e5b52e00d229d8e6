/** The adapter for tests: one device per test file, and a loud word where there is none. */
import { KNOBS, readKnob } from "../../src/base/knobs.ts";
import { type Gpu, openGpu } from "../../src/gpu/device.ts";

/** Opens the adapter, or says that the file's tests are skipped; with HOLDFAST_REQUIRE_ADAPTER=1 absence is a failure. */
export async function openTestGpu(): Promise<Gpu | undefined> {
  try {
    return await openGpu();
  } catch (error) {
    if (readKnob(KNOBS.requireAdapter) === "1") throw error;
    console.error(`SKIPPED: GPU tests need a WebGPU adapter. ${error instanceof Error ? error.message : error}`);
    return undefined;
  }
}
