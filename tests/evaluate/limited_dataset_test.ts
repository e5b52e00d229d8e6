import assert from "node:assert/strict";
import { limitDataset } from "../../src/evaluate/limited_dataset.ts";
import { residualDataset } from "../fixtures/residual_network.ts";

Deno.test("limitDataset() has another hash for every limit, so that no journal mixes their evaluations", async () => {
  const whole = residualDataset(6);
  const hashes = await Promise.all([2, 3, undefined].map((limit) => limitDataset(whole, limit).sha256()));
  assert.equal(new Set(hashes).size, 3);
  assert.equal(await limitDataset(residualDataset(6), 2).sha256(), hashes[0]);
});

Deno.test("limitDataset() is the dataset itself where the limit does not bind", () => {
  const whole = residualDataset(6);
  assert.equal(limitDataset(whole, 6), whole);
});
