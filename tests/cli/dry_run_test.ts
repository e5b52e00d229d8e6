/** `--dry-run`: what it foresees is what the commands then do, and it leaves nothing behind. */
import assert from "node:assert/strict";
import { join } from "node:path";
import type { Forecast } from "../../mod.ts";
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

function argsFor(command: string, folder: string, ...more: readonly string[]): string[] {
  const output = join(folder, "out");
  return [command, join(folder, "model.onnx"), "--dataset", folder, "--output", output, "--json", ...more];
}

Deno.test(
  "quantize --dry-run foresees groups, cost and memory, and writes nothing",
  needsGpu,
  () =>
    withFolder(files, async (folder) => {
      const before = [...Deno.readDirSync(folder)].map(({ name }) => name).sort();
      const options = ["--ranking-subset-size", "20", "--no-mend", "--limit", "50"];
      const ran = await runCli(argsFor("quantize", folder, ...options, "--dry-run", "--max-drop", "0.004"));
      assert.equal(ran.code, 0, ran.err);
      const forecast: Forecast = JSON.parse(ran.out);
      assert.deepEqual([...Deno.readDirSync(folder)].map(({ name }) => name).sort(), before);
      const { groups, cost, memory, samples, rankingSamples, maximalDrop, candidates, timedSamples } = forecast;
      assert.deepEqual([samples, rankingSamples, maximalDrop, timedSamples], [50, 20, 0.004, 50]);
      assert.deepEqual(candidates, ["performance"]);
      assert.deepEqual([cost.evaluation, cost.attempt, cost.plainRanking, cost.calibration], [
        100,
        50,
        20 * groups.length,
        50,
      ]);
      assert.equal(groups[0]?.suffix, 1, "nothing comes before the first group");
      const suffixes = groups.map(({ suffix }) => suffix);
      assert.deepEqual(suffixes, [...suffixes].sort((a, b) => b - a), "the later a group, the less is behind it");
      assert.ok(Math.abs(cost.ranking - 20 * suffixes.reduce((sum, one) => sum + one, 0)) < 1e-9);
      assert.ok(cost.ranking < cost.plainRanking);
      assert.ok(forecast.secondsPerSample > 0);
      assert.equal(memory.samples, 50 * 2 * 6 * 6 * 4);
      assert.ok(memory.activations > 0 && memory.constants > 0);

      const real = await runCli(argsFor("quantize", folder, ...options));
      const report = JSON.parse(real.out);
      assert.deepEqual(groups.map(({ name }) => name), report.groups.map(({ name }: { name: string }) => name));
      assert.equal(report.batchSize, forecast.batchSize);
      assert.ok(report.cost.networkEquivalents >= cost.evaluation);
    }),
);

Deno.test(
  "sweep and rank have --dry-run too; a sweep costs what its smallest drop does",
  needsGpu,
  () =>
    withFolder(files, async (folder) => {
      const sweep = await runCli(argsFor("sweep", folder, "--maximal-drop", "0.05,0.01", "--dry-run"));
      assert.equal(sweep.code, 0, sweep.err);
      assert.equal(JSON.parse(sweep.out).maximalDrop, 0.01);
      const rank = await runCli(argsFor("rank", folder, "--dry-run").filter((arg) => arg !== "--json"));
      assert.equal(rank.code, 0, rank.err);
      assert.match(rank.out, /^Nothing is quantized or written: model would be, keeping accuracy within 0\.01$/m);
      assert.match(rank.out, /^ {2}one ranking of the groups +[\d,]+ +\S+ s +POT's takes [\d,]+$/m);
      assert.equal(await Deno.stat(join(folder, "out")).catch(() => undefined), undefined);
    }),
);

Deno.test("quantize --dry-run refuses what quantize would", needsGpu, () =>
  withFolder(files, async (folder) => {
    const ran = await runCli(
      argsFor("quantize", folder, "--dry-run", "--ignored-scope", "conv3").filter((arg) => arg !== "--json"),
    );
    assertRefused(ran, 2, /Cannot ignore node "conv3": no node of the network fits; did you mean "conv1"\?$/);
  }));
