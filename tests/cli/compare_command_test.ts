/** `compare` from the command line to its files. */
import assert from "node:assert/strict";
import { join } from "node:path";
import { withFolder } from "../data/fixtures.ts";
import { classifier, fileOf, labelledSamples } from "../fixtures/classifier.ts";
import { openTestGpu } from "../support/adapter.ts";
import { runCli } from "../support/command_line.ts";

const hasAdapter = await openTestGpu().then((gpu) => {
  gpu?.destroy();
  return gpu !== undefined;
});
const files = { "model.onnx": fileOf(classifier()), ...labelledSamples(60) };

Deno.test({
  name: "compare shows the layers of a quantized network, worst first, and writes JSON and plot",
  ignore: !hasAdapter,
  async fn() {
    await withFolder(files, async (folder) => {
      const model = join(folder, "model.onnx");
      const output = join(folder, "out");
      const quantized = await runCli(
        ["quantize", model, "--dataset", folder, "--output", output, "--algorithm", "DefaultQuantization"],
      );
      assert.equal(quantized.code, 0, quantized.err);
      const target = join(folder, "comparison");
      const args = ["compare", model, join(output, "model.onnx"), "--dataset", folder, "--output", target];
      const { code, out, err } = await runCli([...args, "--limit", "20"]);
      assert.equal(code, 0, err);
      assert.match(out, /^SQNR dB +lost here +cosine +max error/);
      assert.match(out, /values over 20 samples$/m);
      const { layers, samples } = JSON.parse(await Deno.readTextFile(join(target, "compare.json")));
      assert.equal(samples, 20);
      assert.ok(layers.some((layer: { isQuantized: boolean; sqnr: number }) => layer.isQuantized && layer.sqnr > 10));
      const ratios = layers.map(({ sqnr }: { sqnr: number | null }) => sqnr ?? Infinity);
      assert.deepEqual(ratios, ratios.toSorted((a: number, b: number) => a - b));
      assert.match(await Deno.readTextFile(join(target, "compare.svg")), /^<svg/);
    });
  },
});

Deno.test("compare without data is a usage error", async () => {
  const { code, err } = await runCli(["compare", "a.onnx", "b.onnx"]);
  assert.equal(code, 2);
  assert.match(err, /--dataset/);
});
