/** Runs that are cut off, repeated, or changed: what the journal on disk is for. */
import assert from "node:assert/strict";
import { join } from "node:path";
import { withFolder } from "../data/fixtures.ts";
import { classifier, fileOf, labelledSamples } from "../fixtures/classifier.ts";
import { openTestGpu } from "../support/adapter.ts";
import { commandFor, runCli } from "../support/command_line.ts";

const hasAdapter = await openTestGpu().then((gpu) => {
  gpu?.destroy();
  return gpu !== undefined;
});
const needsGpu = { ignore: !hasAdapter };
const files = { "model.onnx": fileOf(classifier()), ...labelledSamples(60) };

/** A command that takes the loop several steps; with mending another recipe for the whole network would do. */
function commandIn(folder: string, output: string, ...more: readonly string[]): string[] {
  const drop = more.includes("--maximal-drop") ? [] : ["--maximal-drop", "0"];
  const path = join(folder, "model.onnx");
  return [
    "quantize",
    path,
    "--dataset",
    folder,
    "--output",
    join(folder, output),
    "--json",
    "--no-mend",
    ...drop,
    ...more,
  ];
}

async function filesIn(folder: string, output: string) {
  const read = (name: string) => Deno.readFile(join(folder, output, name));
  return { model: await read("model.onnx"), journal: await read("journal.jsonl") };
}

/** Runs a command and kills the process as soon as it has said `steps` steps of the loop. */
async function killAfter(args: readonly string[], steps: number): Promise<void> {
  const process = commandFor(args, { stdout: "null", stderr: "piped" }).spawn();
  let seen = 0;
  let rest = "";
  for await (const text of process.stderr.pipeThrough(new TextDecoderStream())) {
    const lines = (rest + text).split("\n");
    rest = lines.pop() ?? "";
    seen += lines.filter((line) => /^ {2}(float network|ranked |.*, drop )/.test(line)).length;
    if (seen >= steps) break;
  }
  try {
    process.kill("SIGKILL");
  } catch {
    // It had ended by itself.
  }
  const { signal } = await process.status;
  assert.equal(signal, "SIGKILL", "the process was killed while it ran");
}

Deno.test(
  "quantize goes on after a kill and ends with the same bytes",
  needsGpu,
  () =>
    withFolder(files, async (folder) => {
      const undisturbed = await runCli(commandIn(folder, "whole"));
      assert.equal(undisturbed.code, 0, undisturbed.err);
      const expected = await filesIn(folder, "whole");
      const { cost, trace } = JSON.parse(undisturbed.out);
      assert.ok(trace.length >= 5, "the loop takes several steps");
      for (const steps of [1, 3, 4]) {
        const args = commandIn(folder, `killed-${steps}`);
        await killAfter(args, steps);
        const again = await runCli(args);
        assert.equal(again.code, 0, again.err);
        assert.deepEqual(await filesIn(folder, `killed-${steps}`), expected, `killed after ${steps} steps`);
        const repeated = JSON.parse(again.out).cost;
        assert.ok(
          repeated.evaluations < cost.evaluations,
          `${repeated.evaluations} of ${cost.evaluations} evaluations`,
        );
      }
    }),
);

/** Runs a command and kills the process as soon as its journal has so many evaluations; gives how many it has then. */
async function killAtEvaluation(args: readonly string[], journal: string, count: number): Promise<number> {
  const process = commandFor(args, { stdout: "null", stderr: "null" }).spawn();
  const evaluations = async () => {
    const text = await Deno.readTextFile(journal).catch(() => "");
    return text.split("\n").length - 2;
  };
  let hasEnded = false;
  const ended = process.status.then((status) => {
    hasEnded = true;
    return status;
  });
  while (!hasEnded && await evaluations() < count) await new Promise((resolve) => setTimeout(resolve, 5));
  if (!hasEnded) process.kill("SIGKILL");
  assert.equal((await ended).signal, "SIGKILL", "the process was killed while it ran");
  return await evaluations();
}

Deno.test(
  "quantize keeps the evaluations of a ranking that it is killed in",
  needsGpu,
  () =>
    withFolder({}, async (folder) => {
      const path = (name: string) => new URL(`../../models/fashion_mnist/${name}`, import.meta.url).pathname;
      // More than the float network's accuracy is asked for, so that there is something to rank.
      const config = {
        compression: {
          algorithms: [{
            name: "AccuracyAwareQuantization",
            params: {
              metrics: [{ name: "accuracy", baseline_value: 1.01 }],
              metric_subset_ratio: 1,
              maximal_drop: 0,
              ranking_subset_size: 50,
              stat_subset_size: 20,
              max_iter_num: 0,
              mend: false,
            },
          }],
        },
      };
      await Deno.writeTextFile(join(folder, "config.json"), JSON.stringify(config));
      const commandTo = (output: string) => [
        ...["quantize", path("mobilenet_v3_fashion.onnx"), "--dataset", path(""), "--limit", "60", "--json"],
        ...["--config", join(folder, "config.json"), "--output", join(folder, output)],
      ];
      const undisturbed = await runCli(commandTo("whole"));
      assert.equal(undisturbed.code, 3, undisturbed.err);
      const { cost, trace } = JSON.parse(undisturbed.out);
      const groups = trace.find((step: { action: string }) => step.action === "rank").ranking.scores.length;
      assert.equal(cost.evaluations, 2 + groups, "int8, the float network for comparison, and every group");
      const args = commandTo("killed");
      const known = await killAtEvaluation(args, join(folder, "killed", "journal.jsonl"), 8);
      assert.ok(known >= 8 && known < cost.evaluations, `killed within the ranking, after ${known} evaluations`);
      const resumed = await runCli(args);
      assert.equal(JSON.parse(resumed.out).cost.evaluations, cost.evaluations - known);
      assert.deepEqual(await filesIn(folder, "killed"), await filesIn(folder, "whole"));
    }),
);

Deno.test(
  "quantize with another drop evaluates nothing that is known",
  needsGpu,
  () =>
    withFolder(files, async (folder) => {
      const strict = await runCli(commandIn(folder, "out"));
      assert.equal(strict.code, 0, strict.err);
      const loose = await runCli(commandIn(folder, "out", "--maximal-drop", "0.02", "--no-put-back"));
      assert.equal(loose.code, 0, loose.err);
      const { cost, reverted } = JSON.parse(loose.out);
      assert.deepEqual([cost.evaluations, cost.networkEquivalents], [0, 0]);
      assert.ok(cost.reused > 0);
      assert.ok(reverted.length < JSON.parse(strict.out).reverted.length);
      assert.match(loose.err, /^note: Journal ".*journal.jsonl" has \d+ evaluations to go on from$/m);
    }),
);

Deno.test(
  "quantize says why it does not use a journal, and keeps it",
  needsGpu,
  () =>
    withFolder(files, async (folder) => {
      assert.equal((await runCli(commandIn(folder, "out"))).code, 0);
      const { journal } = await filesIn(folder, "out");
      const other = await runCli(commandIn(folder, "out", "--limit", "50"));
      assert.match(
        other.err,
        /^note: Journal ".*" was moved to ".*journal\.1\.jsonl": it is of a run that differs in .*configuration/m,
      );
      assert.deepEqual(await Deno.readFile(join(folder, "out", "journal.1.jsonl")), journal);
      const restarted = await runCli(commandIn(folder, "out", "--limit", "50", "--restart"));
      assert.match(restarted.err, /journal\.2\.jsonl": a new one was asked for/);
      assert.ok(JSON.parse(restarted.out).cost.evaluations > 0);
    }),
);

Deno.test(
  "quantize keeps no journal with --no-journal, and gives the same model and report every time",
  needsGpu,
  () =>
    withFolder(files, async (folder) => {
      for (const output of ["one", "two"]) {
        assert.equal((await runCli(commandIn(folder, output, "--no-journal"))).code, 0);
        const names = await Array.fromAsync(Deno.readDir(join(folder, output)), ({ name }) => name);
        assert.deepEqual(names.sort(), ["model.onnx", "report.html", "report.json"]);
      }
      const read = (output: string) => Deno.readFile(join(folder, output, "model.onnx"));
      assert.deepEqual(await read("one"), await read("two"));
      const reportIn = async (output: string) =>
        (await Deno.readTextFile(join(folder, output, "report.json"))).replaceAll(join(folder, output), "");
      const withoutTimes = (text: string) =>
        JSON.parse(text, (key, value) => key === "seconds" || key === "time" ? undefined : value);
      assert.deepEqual(withoutTimes(await reportIn("one")), withoutTimes(await reportIn("two")));
    }),
);
