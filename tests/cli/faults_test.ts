/** What goes wrong around a run: full disks, lost permissions, closed pipes, files that go away. */
import assert from "node:assert/strict";
import { join } from "node:path";
import { jpeg, picture, withFolder } from "../data/fixtures.ts";
import { classifier, fileOf, labelledSamples } from "../fixtures/classifier.ts";
import { openTestGpu } from "../support/adapter.ts";
import { assertRefused, commandFor, type Ran, runCli } from "../support/command_line.ts";

const hasAdapter = await openTestGpu().then((gpu) => {
  gpu?.destroy();
  return gpu !== undefined;
});
const needsGpu = { ignore: !hasAdapter };
const needsShell = { ignore: !hasAdapter || Deno.build.os === "windows" };
const files = { "model.onnx": fileOf(classifier()), ...labelledSamples(60) };
const RESULTS = ["journal.jsonl", "model.onnx", "report.html", "report.json"];

/** A command that takes the loop several steps. */
function commandIn(folder: string, ...more: readonly string[]): string[] {
  const paths = ["quantize", join(folder, "model.onnx"), "--dataset", folder, "--output", join(folder, "out")];
  return [...paths, "--maximal-drop", "0", ...more];
}

async function namesIn(folder: string): Promise<string[]> {
  return (await Array.fromAsync(Deno.readDir(join(folder, "out")), ({ name }) => name)).sort();
}

/** Runs the command again, undisturbed: it goes on from the journal, says nothing of it but that, and writes everything. */
async function assertGoesOn(folder: string): Promise<void> {
  const again = await runCli(commandIn(folder));
  assert.equal(again.code, 0, again.err);
  assert.match(again.err, /^note: Journal ".*" has \d+ evaluations to go on from$/m);
  assert.doesNotMatch(again.err, /moved|damaged/);
  assert.deepEqual(await namesIn(folder), RESULTS);
}

/** Runs a command in a shell that was prepared by `script`, in which "$@" stands for it. */
async function runInShell(script: string, args: readonly string[]): Promise<Ran> {
  const deno = ["run", "-A", "--quiet", new URL("../../cli.ts", import.meta.url).pathname];
  const { code, stdout, stderr } = await new Deno.Command("bash", {
    args: ["-c", script, "bash", Deno.execPath(), ...deno, ...args],
    env: { NO_COLOR: "1" },
  }).output();
  const decoder = new TextDecoder();
  return { code, out: decoder.decode(stdout), err: decoder.decode(stderr) };
}

/** Runs a command whose files cannot grow beyond `kibibytes`, as if the disk were full. */
function runOnFullDisk(args: readonly string[], kibibytes: number): Promise<Ran> {
  return runInShell(`trap '' XFSZ; ulimit -f ${kibibytes}; exec "$@"`, args);
}

Deno.test(
  "quantize says that the disk is full while it writes the journal, and goes on afterwards",
  needsShell,
  () =>
    withFolder(files, async (folder) => {
      const full = await runOnFullDisk(commandIn(folder), 1);
      assertRefused(full, 1, /^error: Cannot write journal ".*journal\.jsonl": .*\(os error \d+\)$/);
      assert.deepEqual(await namesIn(folder), ["journal.jsonl"]);
      const again = await runCli(commandIn(folder));
      assert.equal(again.code, 0, again.err);
      assert.match(again.err, /^note: The last record of journal ".*" was cut off and is left out$/m);
      assert.deepEqual(await namesIn(folder), RESULTS);
    }),
);

Deno.test(
  "quantize leaves no half of a file where the disk is full in the end",
  needsShell,
  () =>
    withFolder(files, async (folder) => {
      const full = await runOnFullDisk(commandIn(folder), 2);
      assertRefused(full, 1, /^error: Cannot write ".*model\.onnx": .*\(os error \d+\)$/);
      assert.deepEqual(await namesIn(folder), ["journal.jsonl"]);
      await assertGoesOn(folder);
    }),
);

Deno.test(
  "quantize says that the permission to write was lost, and goes on afterwards",
  needsGpu,
  () =>
    withFolder(files, async (folder) => {
      await Deno.mkdir(join(folder, "out"));
      const script = new URL("../fixtures/losing_permission.ts", import.meta.url).pathname;
      const permissions = ["--no-prompt", "--allow-read", "--allow-env", `--allow-write=${folder}`];
      const { code, stdout, stderr } = await new Deno.Command(Deno.execPath(), {
        args: ["run", "--quiet", ...permissions, script, ...commandIn(folder)],
        env: { NO_COLOR: "1" },
      }).output();
      const [out, err] = [stdout, stderr].map((bytes) => new TextDecoder().decode(bytes));
      assertRefused({ code, out: out!, err: err! }, 1, /^error: Cannot write ".*model\.onnx": no permission$/);
      assert.deepEqual(await namesIn(folder), ["journal.jsonl"]);
      await assertGoesOn(folder);
    }),
);

Deno.test(
  "quantize writes everything though nobody reads what it prints",
  needsGpu,
  () =>
    withFolder(files, async (folder) => {
      const child = commandFor(commandIn(folder, "--json"), { stdout: "piped", stderr: "piped" }).spawn();
      await child.stdout.cancel();
      const err = await new Response(child.stderr).text();
      assert.equal((await child.status).code, 0, err);
      assert.deepEqual(await namesIn(folder), RESULTS);
      assert.doesNotMatch(err, /^error/m);
    }),
);

Deno.test(
  "quantize ends well though its model was removed when it had begun",
  needsGpu,
  () =>
    withFolder(files, async (folder) => {
      const child = commandFor(commandIn(folder), { stdout: "null", stderr: "piped" }).spawn();
      let err = "";
      for await (const text of child.stderr.pipeThrough(new TextDecoderStream())) {
        if (err === "") await Deno.remove(join(folder, "model.onnx"));
        err += text;
      }
      assert.equal((await child.status).code, 0, err);
      assert.deepEqual(await namesIn(folder), RESULTS);
    }),
);

Deno.test("evaluate names a picture that went away", needsGpu, async () => {
  const graph = classifier();
  const w1 = { dtype: "float32" as const, shape: [6, 3, 3, 3], data: new Float32Array(6 * 27) };
  const model = fileOf({
    ...graph,
    inputs: graph.inputs.map((input) => ({ ...input, shape: ["N", 3, 6, 6] })),
    initializers: new Map([...graph.initializers, ["w1", w1]]),
  });
  const good = await jpeg(picture(6, 6));
  const names = Array.from({ length: 3 }, (_, index) => `${index}.jpg`);
  const given = Object.fromEntries(names.map((name) => [`images/${name}`, good]));
  await withFolder(
    { ...given, "model.onnx": model, "labels.csv": names.map((name) => `${name},0\n`).join("") },
    async (folder) => {
      await Deno.remove(join(folder, "images", "2.jpg"));
      // A link that leads nowhere is listed like a picture.
      await Deno.symlink("gone.jpg", join(folder, "images", "2.jpg"));
      const ran = await runCli(["evaluate", join(folder, "model.onnx"), "--dataset", folder]);
      assertRefused(
        ran,
        1,
        /^error: Cannot read picture ".*2\.jpg": it does not exist; replace the file, or remove it/,
      );
    },
  );
});

Deno.test(
  "inspect says that standard output cannot be written",
  { ignore: Deno.build.os !== "linux" },
  () =>
    withFolder(files, async (folder) => {
      const ran = await runInShell('exec "$@" > /dev/full', ["inspect", join(folder, "model.onnx")]);
      assertRefused(ran, 1, /^error: Cannot write to standard output: No space left on device \(os error 28\)$/);
    }),
);

Deno.test("exit codes tell what went wrong where standard error cannot be written", {
  ignore: Deno.build.os !== "linux",
}, async () => {
  assert.equal((await runInShell('exec "$@" 2> /dev/full', ["inspect"])).code, 2);
  assert.equal((await runInShell('exec "$@" 2> /dev/full', ["inspect", "/nonexistent.onnx"])).code, 1);
});
