/** `sweep` and `rank` from the command line to files, and back into `quantize`. */
import assert from "node:assert/strict";
import { join } from "node:path";
import { withFolder } from "../data/fixtures.ts";
import { classifier, fileOf, labelledSamples } from "../fixtures/classifier.ts";
import { openTestGpu } from "../support/adapter.ts";
import { assertRefused, runCli } from "../support/command_line.ts";

const hasAdapter = await openTestGpu().then((gpu) => {
  gpu?.destroy();
  return gpu !== undefined;
});
const needsGpu = { ignore: !hasAdapter };
const files = { "model.onnx": fileOf(classifier()), ...labelledSamples(60) };

function command(name: string, folder: string, output: string, ...more: readonly string[]): string[] {
  return [name, join(folder, "model.onnx"), "--dataset", folder, "--output", join(folder, output), ...more];
}

Deno.test(
  "sweep writes a model and a report per drop, as quantize would, and the table of them",
  needsGpu,
  () =>
    withFolder(files, async (folder) => {
      const read = (...path: readonly string[]) => Deno.readFile(join(folder, ...path));
      const swept = await runCli(command("sweep", folder, "swept", "--maximal-drop", "0.05,0.02,0", "--json"));
      assert.equal(swept.code, 0, swept.err);
      const sweep = JSON.parse(swept.out);
      assert.deepEqual(JSON.parse(new TextDecoder().decode(await read("swept", "sweep.json"))), sweep);
      for (const [index, drop] of ["0.05", "0.02", "0"].entries()) {
        const alone = await runCli(command("quantize", folder, `alone-${drop}`, "--maximal-drop", drop, "--json"));
        const report = JSON.parse(alone.out);
        assert.deepEqual(await read("swept", drop, "model.onnx"), await read(`alone-${drop}`, "model.onnx"));
        const { maximalDrop, value, int8Macs, floatGroups, sha256 } = sweep.rows[index];
        assert.deepEqual(
          { maximalDrop, value, int8Macs, floatGroups, sha256 },
          {
            maximalDrop: Number(drop),
            value: report.final,
            int8Macs: report.int8Macs,
            floatGroups: report.reverted.length,
            sha256: report.output.sha256,
          },
        );
      }
      const csv = new TextDecoder().decode(await read("swept", "sweep.csv")).trimEnd().split("\n");
      assert.deepEqual(csv.map((line) => line.split(",")[0]), ["maximal_drop", "0.05", "0.02", "0"]);
      assert.match(new TextDecoder().decode(await read("swept", "sweep.svg")), /^<svg /);
      assert.match(new TextDecoder().decode(await read("swept", "sweep.html")), /href="0.05\/report.html"/);
      assert.match(new TextDecoder().decode(await read("swept", "0.05/report.html")), /Pareto front/);
    }),
);

Deno.test(
  "rank writes a table whose keep_float and keep_int8 quantize obeys",
  needsGpu,
  () =>
    withFolder(files, async (folder) => {
      const ranked = await runCli(command("rank", folder, "ranked", "--json"));
      assert.equal(ranked.code, 0, ranked.err);
      const path = join(folder, "ranked", "sensitivity.json");
      const table = JSON.parse(await Deno.readTextFile(path));
      assert.deepEqual(table, JSON.parse(ranked.out));
      const csv = (await Deno.readTextFile(join(folder, "ranked", "sensitivity.csv"))).trimEnd().split("\n");
      assert.deepEqual(
        csv.slice(1).map((line) => line.split(",")[1]),
        table.groups.map((row: { group: string }) => row.group),
      );
      const strict = ["--maximal-drop", "0", "--no-mend", "--json"];
      const free = JSON.parse((await runCli(command("quantize", folder, "free", ...strict))).out);
      const [kept] = free.reverted;
      await Deno.writeTextFile(path, JSON.stringify({ ...table, keep_float: ["conv1"], keep_int8: [kept] }));
      const held = await runCli(command("quantize", folder, "held", ...strict, "--sensitivity", path));
      const { reverted, groups } = JSON.parse(held.out);
      assert.ok(reverted.includes("conv1") && !reverted.includes(kept), `reverted ${reverted}`);
      assert.equal(groups.find(({ name }: { name: string }) => name === "conv1").isReverted, true);
    }),
);

Deno.test(
  "quantize --holdout certifies in report, page and summary",
  needsGpu,
  () =>
    withFolder(files, async (folder) => {
      const { code, out } = await runCli(command("quantize", folder, "out", "--maximal-drop", "0", "--holdout", "0.4"));
      const { holdout, reached, dataset } = JSON.parse(await Deno.readTextFile(join(folder, "out", "report.json")));
      assert.deepEqual([holdout.samples, dataset.samples], [24, 36]);
      assert.equal(code, reached && holdout.holds ? 0 : 3);
      const sentence =
        /On 24 samples never used for decisions accuracy is [\d.]+ \(float 1\.000\): drop [\d.-]+ ± [\d.]+/;
      assert.match(out, sentence);
      assert.match(await Deno.readTextFile(join(folder, "out", "report.html")), sentence);
    }),
);

Deno.test("sweep refuses drops that are none, or none at all", () =>
  withFolder(files, async (folder) => {
    for (
      const [drops, message] of [
        ["0.1,x", /^error: Cannot use --maximal-drop: "x", expected a number of at least 0$/],
        ["0.1,-1", /^error: Cannot use --maximal-drop: "-1", expected a number of at least 0$/],
      ] as const
    ) {
      assertRefused(await runCli(command("sweep", folder, "out", "--maximal-drop", drops)), 2, message);
    }
    const none = await runCli(command("sweep", folder, "out"));
    assertRefused(none, 2, /^error: Cannot start: --maximal-drop is missing, expected several between commas$/);
  }));
