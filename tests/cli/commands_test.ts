/** Commands from the command line to files and exit codes. */
import assert from "node:assert/strict";
import { join } from "node:path";
import { PARAMETERS, VERSION } from "../../mod.ts";
import { hostTensor } from "../../src/base/tensor.ts";
import type { Graph } from "../../src/graph/graph.ts";
import { onnx } from "../../src/onnx/proto.ts";
import { tensorToProto } from "../../src/onnx/tensor.ts";
import { withFolder } from "../data/fixtures.ts";
import { classifier, fileOf, labelledSamples } from "../fixtures/classifier.ts";
import { GraphBuilder } from "../fixtures/graph_builder.ts";
import { openTestGpu } from "../support/adapter.ts";
import { runCli } from "../support/command_line.ts";

const hasAdapter = await openTestGpu().then((gpu) => {
  gpu?.destroy();
  return gpu !== undefined;
});
const needsGpu = { ignore: !hasAdapter };
const files = { "model.onnx": fileOf(classifier()), ...labelledSamples(60) };

Deno.test("--version prints the version of deno.json", async () => {
  assert.deepEqual(await runCli(["--version"]), { code: 0, out: `${VERSION}\n`, err: "" });
});

Deno.test("a command line without a command shows help and is a usage error", async () => {
  const { code, out, err } = await runCli([]);
  assert.equal(code, 2);
  assert.equal(out, "");
  for (const name of ["init", "quantize", "evaluate", "compare", "inspect", "verify", "device"]) {
    assert.match(err, new RegExp(`^  ${name} `, "m"));
  }
});

Deno.test("every command explains itself", async () => {
  for (const name of ["init", "quantize", "evaluate", "compare", "inspect", "verify", "device"]) {
    const { code, out, err } = await runCli([name, "--help"]);
    assert.equal(code, 0);
    assert.equal(err, "");
    for (const flag of ["--json", "--verbose", "--help"]) assert.ok(out.includes(flag), `${name} has ${flag}`);
  }
});

Deno.test("quantize offers every parameter of the table with its default", async () => {
  const { out } = await runCli(["quantize", "--help"]);
  for (const { pot, only, default: fallback } of PARAMETERS) {
    const line = out.split("\n").find((text) => text.trim().startsWith(`--${pot.replaceAll("_", "-")} `));
    assert.equal(line !== undefined, only !== "file", pot);
    if (typeof fallback === "number" && Number.isFinite(fallback)) {
      assert.ok(line?.includes(`(default: ${fallback})`), pot);
    }
  }
});

Deno.test("device --json prints one document", needsGpu, async () => {
  const { code, out, err } = await runCli(["device", "--json"]);
  assert.equal(code, 0);
  assert.equal(err, "");
  const device = JSON.parse(out);
  assert.equal(typeof device.isSoftware, "boolean");
  assert.ok(device.limits.maxStorageBufferBindingSize >= 2 ** 27);
});

Deno.test("inspect counts operators, work and groups", () =>
  withFolder(files, async (folder) => {
    const { code, out } = await runCli(["inspect", join(folder, "model.onnx"), "--json"]);
    assert.equal(code, 0);
    const found = JSON.parse(out);
    // Conv 4×4 places of 6 outputs over 2×3×3, then 2×2 places of 8 outputs over 6×3×3, then 8 × 4.
    assert.equal(found.macs, 16 * 6 * 18 + 4 * 8 * 54 + 8 * 4);
    assert.equal(found.parameters, 6 * 18 + 6 + 8 * 54 + 8 + 32 + 4);
    assert.deepEqual(found.groups.map(({ nodes }: { nodes: string[] }) => nodes), [["conv1"], ["conv2"], ["pool"], [
      "linear",
    ]]);
    assert.deepEqual(found.operators.find(({ type }: { type: string }) => type === "Conv"), {
      type: "Conv",
      domain: "",
      count: 2,
      isSupported: true,
      onHost: 0,
    });
  }));

Deno.test("inspect lists unsupported operators and succeeds", () => {
  const graph = classifier();
  const nodes = graph.nodes.map((node) => node.name === "pool" ? { ...node, type: "Twirl" } : node);
  return withFolder({ "model.onnx": fileOf({ ...graph, nodes }) }, async (folder) => {
    const { code, out } = await runCli(["inspect", join(folder, "model.onnx")]);
    assert.equal(code, 0);
    assert.match(out, /^Not supported: Twirl$/m);
    assert.match(out, /^MACs +unknown$/m);
  });
});

Deno.test("no name of a model commands the terminal, in results and in errors", () => {
  const graph = classifier();
  const name = "\u001b[2J\u0007\u009bred";
  const nodes = graph.nodes.map((node) => node.name === "pool" ? { ...node, type: `Twirl${name}` } : node);
  const loose = nodes.map((node) => node.name === "conv2" ? { ...node, name, inputs: [name] } : node);
  const given = { "model.onnx": fileOf({ ...graph, nodes }), "loose.onnx": fileOf({ ...graph, nodes: loose }) };
  return withFolder(given, async (folder) => {
    const { out } = await runCli(["inspect", join(folder, "model.onnx")]);
    assert.match(out, /^Not supported: Twirl\ufffd\[2J\ufffd\ufffdred$/m);
    const { err, code } = await runCli(["inspect", join(folder, "loose.onnx")]);
    assert.equal(code, 1);
    assert.match(err, /its input "\ufffd\[2J\ufffd\ufffdred" has no producer$/m);
    const { operators } = JSON.parse((await runCli(["inspect", join(folder, "model.onnx"), "--json"])).out);
    assert.ok(operators.some(({ type }: { type: string }) => type === `Twirl${name}`), "scripts get names as they are");
  });
});

Deno.test("inspect takes the shapes of inputs that state none", () => {
  const graph = classifier();
  const inputs = graph.inputs.map((input) => ({ ...input, shape: undefined }));
  return withFolder({ "model.onnx": fileOf({ ...graph, inputs }) }, async (folder) => {
    const path = join(folder, "model.onnx");
    assert.match((await runCli(["inspect", path])).out, /states no shape; give one with --input-shape x=/);
    assert.match((await runCli(["inspect", path, "--input-shape", "x=1x2x6x6"])).out, /^MACs +3,488 per sample$/m);
    assert.match((await runCli(["inspect", path, "--input-shape", "z=1x2x6x6"])).err, /the network has "x"$/m);
  });
});

Deno.test("evaluate measures the metrics asked for", needsGpu, () =>
  withFolder(files, async (folder) => {
    const args = ["evaluate", join(folder, "model.onnx"), "--dataset", folder, "--limit", "50", "--json"];
    const { code, out } = await runCli([...args, "--metric", "accuracy", "--metric", "accuracy@top4"]);
    assert.equal(code, 0);
    const { values, dataset } = JSON.parse(out);
    assert.deepEqual(values, { accuracy: 1, "accuracy@top4": 1 });
    assert.equal(dataset.samples, 50);
    assert.match(dataset.sha256, /^[0-9a-f]{64}$/);
  }));

Deno.test("evaluate takes a metric from a TypeScript module", needsGpu, () => {
  const module = `export default { name: "first", direction: "lower_better", start: () => {
    let sum = 0;
    return { add({ label }: { label: number }) { sum += label; return label; }, value: () => sum };
  } };`;
  return withFolder({ ...files, "metric.ts": module }, async (folder) => {
    const metric = join(folder, "metric.ts");
    const { code, out } = await runCli([
      "evaluate",
      join(folder, "model.onnx"),
      "--dataset",
      folder,
      "--metric",
      metric,
      "--json",
    ]);
    assert.equal(code, 0);
    assert.ok(JSON.parse(out).values.first > 0);
  });
});

Deno.test(
  "quantize writes model and report and evaluates alike afterwards",
  needsGpu,
  () =>
    withFolder(files, async (folder) => {
      const [model, output] = [join(folder, "model.onnx"), join(folder, "out")];
      const common = ["--dataset", folder, "--json"];
      const loop = ["--maximal-drop", "0.1", "--use-prev-if-drop-increase", "false", "--no-put-back", "--mend"];
      const ran = await runCli(["quantize", ...loop, model, ...common, "--output", output, "--verify"]);
      assert.equal(ran.code, 0, ran.err);
      assert.match(ran.err, /^ {2}float network: accuracy 1\.000 /m);
      const report = JSON.parse(ran.out);
      assert.deepEqual(JSON.parse(await Deno.readTextFile(join(output, "report.json"))), report);
      assert.equal(report.version, 1);
      assert.equal(report.baseline, 1);
      const { usePrevIfDropIncrease, putBack, mend } = report.options;
      assert.deepEqual([usePrevIfDropIncrease, putBack, mend], [false, false, true]);
      assert.ok(report.reached && report.drop <= 0.1);
      assert.ok(Math.abs(report.verified.accuracy - report.final) <= 1 / 60);
      assert.deepEqual(report.groups.map(({ nodes }: { nodes: string[] }) => nodes), [["conv1"], ["conv2"], ["pool"], [
        "linear",
      ]]);
      const again = await runCli(["evaluate", join(output, "model.onnx"), ...common]);
      assert.ok(Math.abs(JSON.parse(again.out).values.accuracy - report.final) <= 1 / 60);
      await assertWhole(output);
    }),
);

Deno.test("quantize ends with 3 and keeps its best where the drop cannot be reached", needsGpu, () => {
  // Falls with every evaluation, so that no network is good enough after the first.
  const metric = `let value = 1;
    export default { name: "falling", direction: "higher_better", start: () => {
      value -= 0.1;
      const own = value;
      return { add: () => own, value: () => own };
    } };`;
  return withFolder({ ...files, "metric.ts": metric }, async (folder) => {
    const output = join(folder, "out");
    const ran = await runCli([
      "quantize",
      join(folder, "model.onnx"),
      "--dataset",
      folder,
      "--output",
      output,
      "--metric",
      join(folder, "metric.ts"),
      "--maximal-drop",
      "0",
      "--max-iter-num",
      "1",
    ]);
    assert.equal(ran.code, 3, ran.err);
    assert.match(ran.out, /^Cannot reach maximal_drop 0: best drop of falling 0\.1/);
    assert.equal(JSON.parse(await Deno.readTextFile(join(output, "report.json"))).reached, false);
    await assertWhole(output);
  });
});

Deno.test("quantize takes POT's configuration, and the command line overrides it", needsGpu, () => {
  const config = (folder: string) =>
    `{
    // As POT has it.
    "model": { "model_name": "small", "model": "${join(folder, "model.onnx")}" },
    "compression": {
      "target_device": "CPU",
      "algorithms": [{ "name": "DefaultQuantization", "params": { "preset": "mixed", "stat_subset_size": 20, "seed": 4 } }],
    },
  }`;
  return withFolder(files, async (folder) => {
    const path = join(folder, "pot.json");
    await Deno.writeTextFile(path, config(folder));
    const args = ["quantize", "--config", path, "--dataset", folder, "--output", join(folder, "out"), "--json"];
    const ran = await runCli([...args, "--stat-subset-size", "30"]);
    assert.equal(ran.code, 0, ran.err);
    const report = JSON.parse(ran.out);
    assert.equal(report.algorithm, "DefaultQuantization");
    assert.equal(report.calibration.samples, 30);
    assert.equal(report.quantization.preset, "mixed");
    assert.equal(report.seed, 4);
    assert.equal(report.maximalDrop, null);
  });
});

/** A folder of the backend tests: y = x + 1. */
function backendTest(type: string, expected: readonly number[]): Record<string, Uint8Array> {
  const b = new GraphBuilder(13);
  b.input("x", [2]);
  b.constant("one", [1], [1]);
  b.node(type, ["x", "one"], { outputs: ["y"] });
  const graph: Graph = { ...b.untyped(), outputs: [{ name: "y", dtype: "float32", shape: [2] }] };
  const encode = (name: string, values: readonly number[]) =>
    onnx.TensorProto.encode(tensorToProto(hostTensor("float32", [2], values), name)).finish();
  return {
    "model.onnx": fileOf(graph),
    "test_data_set_0/input_0.pb": encode("x", [1, NaN]),
    "test_data_set_0/output_0.pb": encode("y", expected),
  };
}

/** All files of several folders. */
function folders(parts: Readonly<Record<string, Record<string, Uint8Array>>>): Record<string, Uint8Array> {
  return Object.fromEntries(
    Object.entries(parts).flatMap(([folder, inner]) =>
      Object.entries(inner).map(([name, content]) => [`${folder}/${name}`, content])
    ),
  );
}

Deno.test("verify tells right from wrong from unsupported", needsGpu, () => {
  const broken = { "model.onnx": Uint8Array.of(1, 2, 3) };
  const given = {
    right: backendTest("Add", [2, NaN]),
    wrong: backendTest("Add", [2.01, NaN]),
    nan: backendTest("Add", [2, 5]),
    strange: backendTest("Twirl", [2, NaN]),
    broken,
  };
  return withFolder(folders(given), async (folder) => {
    const all = await runCli(["verify", folder]);
    assert.equal(all.code, 1);
    assert.match(all.out, /^1 passed, 3 failed, 1 unsupported$/m);
    assert.match(
      all.out,
      /^failed .*wrong: output "y" of test_data_set_0 has 1 of 2 elements off, worst 2 at 0, expected 2\.0099/m,
    );
    assert.match(all.out, /^unsupported .*Twirl \(opset 13, 1 node\)$/m);
    const good = await runCli(["verify", join(folder, "right"), join(folder, "strange"), "--json"]);
    assert.equal(good.code, 0);
    const { passed, failed, unsupported } = JSON.parse(good.out);
    assert.deepEqual({ passed, failed, unsupported }, { passed: 1, failed: 0, unsupported: 1 });
    assert.equal((await runCli(["verify", join(folder, "wrong"), "--rtol", "0.1"])).code, 0);
  });
});

for (const signal of Deno.build.os === "windows" ? ["SIGINT"] as const : ["SIGINT", "SIGTERM"] as const) {
  Deno.test(`quantize stops at ${signal} with 130 and keeps the journal alone`, needsGpu, () => stopsAt(signal));
}

function stopsAt(signal: Deno.Signal): Promise<void> {
  // Slow enough that the interruption comes in the middle on any adapter.
  const metric = `const pause = new Int32Array(new SharedArrayBuffer(4));
    let value = 1;
    export default { name: "slow", direction: "higher_better", start: () => ({
      add() { Atomics.wait(pause, 0, 0, 10); return value; },
      value: () => value -= 0.1,
    }) };`;
  return withFolder({ ...files, "metric.ts": metric }, async (folder) => {
    const output = join(folder, "out");
    const child = new Deno.Command(Deno.execPath(), {
      args: [
        ...["run", "-A", "--quiet", new URL("../../cli.ts", import.meta.url).pathname],
        ...["quantize", join(folder, "model.onnx"), "--dataset", folder, "--output", output],
        ...["--metric", join(folder, "metric.ts"), "--maximal-drop", "0"],
      ],
      stdout: "null",
      stderr: "piped",
    }).spawn();
    const reader = child.stderr.pipeThrough(new TextDecoderStream()).getReader();
    let said = "";
    while (!said.includes("float network")) {
      const { value, done } = await reader.read();
      if (done) break;
      said += value;
    }
    child.kill(signal);
    for (let next = await reader.read(); !next.done; next = await reader.read()) said += next.value;
    const { code } = await child.status;
    assert.equal(code, 130, said);
    assert.match(said, /^Interrupted$/m);
    assert.deepEqual(await leftovers(output), ["journal.jsonl"], "what was evaluated is kept");
  });
}

/** Fails unless the folder holds a model, its report and no half-written file. */
async function assertWhole(folder: string): Promise<void> {
  const names = await leftovers(folder);
  assert.ok(names.includes("model.onnx") && names.includes("report.json"), names.join());
  assert.deepEqual(names.filter((name) => /^\.|partial$/.test(name)), []);
}

async function leftovers(folder: string): Promise<string[]> {
  return (await Array.fromAsync(Deno.readDir(folder))).map(({ name }) => name).sort();
}
