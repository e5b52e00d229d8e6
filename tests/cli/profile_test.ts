/** `--profile` from the command line to the file. */
import assert from "node:assert/strict";
import { join } from "node:path";
import { withFolder } from "../data/fixtures.ts";
import { classifier, fileOf, labelledSamples } from "../fixtures/classifier.ts";
import { openTestGpu } from "../support/adapter.ts";
import { runCli } from "../support/command_line.ts";

const gpu = await openTestGpu();
const ignore = !gpu?.device.features.has("timestamp-query");
gpu?.destroy();

const files = { "model.onnx": fileOf(classifier()), ...labelledSamples(60) };

interface Written {
  readonly nodes: readonly { readonly track: string; readonly node: string; readonly operator: string }[];
  readonly traceEvents: readonly { readonly ph: string }[];
}

Deno.test({
  name: "evaluate --profile writes the time of every node and says the longest",
  ignore,
  fn: () =>
    withFolder(files, async (folder) => {
      const path = join(folder, "trace.json");
      const args = ["evaluate", join(folder, "model.onnx"), "--dataset", folder, "--batch-size", "20"];
      const { code, err } = await runCli([...args, "--profile", path]);
      assert.equal(code, 0);
      assert.match(err, /^session 1 float32: [0-9.]+ ms per batch$/m);
      assert.match(err, /^ {2}Conv +conv1 +\[20, 6, 4, 4\]/m);
      const { nodes, traceEvents } = JSON.parse(await Deno.readTextFile(path)) as Written;
      assert.deepEqual(
        nodes.filter(({ operator }) => operator === "Conv").map(({ node }) => node).sort(),
        ["conv1", "conv2"],
      );
      const perBatch = traceEvents.filter(({ ph }) => ph === "X").length / 3;
      assert.ok(Number.isInteger(perBatch) && perBatch >= nodes.length, "three batches were recorded");
    }),
});

Deno.test({
  name: "quantize --profile tells float and int8 apart",
  ignore,
  fn: () =>
    withFolder(files, async (folder) => {
      const path = join(folder, "trace.json");
      const output = join(folder, "out");
      const args = ["quantize", join(folder, "model.onnx"), "--dataset", folder, "--output", output];
      const { code, err } = await runCli([...args, "--maximal-drop", "1", "--profile", path]);
      assert.equal(code, 0, err);
      const { nodes } = JSON.parse(await Deno.readTextFile(path)) as Written;
      const tracks = new Set(nodes.map(({ track }) => track.replace(/^session \d+ /, "")));
      assert.deepEqual([...tracks].sort(), ["float32", "int8"]);
    }),
});

Deno.test("--profile is refused before the work begins where its folder cannot be written", () =>
  withFolder({ ...files, taken: new Uint8Array(1) }, async (folder) => {
    const path = join(folder, "taken", "trace.json");
    const { code, err } = await runCli([
      "evaluate",
      join(folder, "model.onnx"),
      "--dataset",
      folder,
      "--profile",
      path,
    ]);
    assert.equal(code, 1);
    assert.match(err, /^error: Cannot write to folder .*taken/m);
  }));
