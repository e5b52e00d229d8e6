/** What a device says of itself is what its kernels may rely on. */
import assert from "node:assert/strict";
import { openTestGpu } from "../support/adapter.ts";
import { probeLanes } from "../../src/gpu/subgroups.ts";

const gpu = await openTestGpu();

Deno.test({
  name: "probeLanes() finds no lanes on a device without subgroups",
  ignore: !gpu,
  async fn() {
    const adapter = await navigator.gpu.requestAdapter();
    const device = await adapter!.requestDevice();
    assert.equal(await probeLanes(device, adapter!.info), 0);
    device.destroy();
  },
});

Deno.test({
  name: "openGpu() finds the eight lanes of the software adapter",
  ignore: !gpu?.adapter.isSoftware || !/256 bits/.test(gpu.adapter.description),
  fn: () => assert.equal(gpu!.kernelTarget.lanes, 8),
});
