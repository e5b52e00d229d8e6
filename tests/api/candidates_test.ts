import assert from "node:assert/strict";
import { listCandidates } from "../../src/api/candidates.ts";
import { UsageError } from "../../src/base/errors.ts";

const labels = (list: ReturnType<typeof listCandidates>) => list.options.map(({ label }) => label);

Deno.test("listCandidates() gives the user's own settings alone when no group may change its candidate", () => {
  const list = listCandidates({ biasCorrection: false }, { mend: false, mixed: false });
  assert.deepEqual(list.options, [{ biasCorrection: false, label: "performance" }]);
  assert.equal(list.mixed, undefined);
});

Deno.test("listCandidates() offers groups both presets, both without correction, and ranges of least squared error", () => {
  const list = listCandidates({}, { mend: true, mixed: false });
  assert.deepEqual(labels(list), [
    "performance",
    "mixed",
    "performance, no bias correction",
    "mixed, no bias correction",
    "performance, ranges of least squared error, no bias correction",
  ]);
  assert.equal(list.mixed, 1);
  const { activationRange, biasCorrection } = list.options[4]!;
  assert.deepEqual([activationRange, biasCorrection], [{ preset: "mse" }, false]);
});

Deno.test("listCandidates() does not touch ranges that the user chose", () => {
  const list = listCandidates({ activationRange: { preset: "quantile" } }, { mend: true, mixed: false });
  for (const { activationRange } of list.options) assert.deepEqual(activationRange, { preset: "quantile" });
});

Deno.test("listCandidates() tells which recipes change nothing, and refuses unknown ones", () => {
  const list = listCandidates({ biasCorrection: false }, {
    mend: false,
    mixed: false,
    tryFirst: ["no_bias_correction", "mse"],
  });
  assert.deepEqual(list.idle, ["no_bias_correction"]);
  assert.deepEqual(list.tryFirst, [1]);
  assert.throws(
    () => listCandidates({}, { mend: false, mixed: false, tryFirst: ["luck"] }),
    (error) => error instanceof UsageError && /there is|luck/.test(error.message),
  );
});
