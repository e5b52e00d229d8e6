/** Every command with the permissions that the README names, and nobody to ask for more. */
import assert from "node:assert/strict";
import { join } from "node:path";
import { hostTensor } from "../../src/base/tensor.ts";
import { onnx } from "../../src/onnx/proto.ts";
import { tensorToProto } from "../../src/onnx/tensor.ts";
import { jpeg, picture, withFolder } from "../data/fixtures.ts";
import { classifier, fileOf, labelledSamples } from "../fixtures/classifier.ts";
import { GraphBuilder } from "../fixtures/graph_builder.ts";
import { openTestGpu } from "../support/adapter.ts";

const hasAdapter = await openTestGpu().then((gpu) => {
  gpu?.destroy();
  return gpu !== undefined;
});
const needsGpu = { ignore: !hasAdapter };
const files = { "model.onnx": fileOf(classifier()), ...labelledSamples(16) };

/** Runs a command that may read, and write to `writable` if given; fails where it asks for anything else. */
async function permitted(args: readonly string[], writable?: string): Promise<void> {
  const permissions = ["--no-prompt", "--allow-read", ...(writable === undefined ? [] : [`--allow-write=${writable}`])];
  const { code, stderr } = await new Deno.Command(Deno.execPath(), {
    args: ["run", "--quiet", ...permissions, new URL("../../cli.ts", import.meta.url).pathname, ...args],
    // What Holdfast would set itself if it were permitted to.
    env: { DENO_WEBGPU_BACKEND: Deno.env.get("DENO_WEBGPU_BACKEND") || "vulkan,metal,dx12", NO_COLOR: "1" },
  }).output();
  const said = new TextDecoder().decode(stderr);
  assert.ok(code === 0 || code === 3, `${args[0]}: ${said}`);
  assert.doesNotMatch(said, /Requires \w+ access|NotCapable|permission/);
}

async function namesIn(folder: string): Promise<string[]> {
  return (await Array.fromAsync(Deno.readDir(folder), ({ name }) => name)).sort();
}

Deno.test(
  "commands that quantize need to read, and to write their output folder, and nothing else",
  needsGpu,
  () =>
    withFolder(files, async (folder) => {
      const expected = {
        quantize: ["model.onnx", "report.html", "report.json"],
        sweep: ["0.1", "0.2", "sweep.csv", "sweep.json"],
        rank: ["sensitivity.csv", "sensitivity.json"],
      };
      const more = { quantize: ["--verify"], sweep: ["--maximal-drop", "0.1,0.2"], rank: [] };
      for (const command of ["quantize", "sweep", "rank"] as const) {
        const output = join(folder, command);
        const paths = [join(folder, "model.onnx"), "--dataset", folder, "--output", output];
        await permitted([command, ...paths, "--ranking-subset-size", "8", ...more[command]], output);
        const names = await namesIn(output);
        for (const name of expected[command]) assert.ok(names.includes(name), `${command} writes ${name}`);
      }
    }),
);

Deno.test("commands that measure need to read and nothing else", needsGpu, () =>
  withFolder(files, async (folder) => {
    const model = join(folder, "model.onnx");
    await permitted(["evaluate", model, "--dataset", folder]);
    await permitted(["compare", model, model, "--dataset", folder]);
    await permitted(["inspect", model]);
    await permitted(["device"]);
  }));

Deno.test("pictures are decoded in workers without further permissions", needsGpu, async () => {
  const b = new GraphBuilder();
  const x = b.input("x", [1, 3, 4, 4]);
  b.output(b.node("Flatten", [b.node("GlobalAveragePool", [x])]));
  const bytes = await jpeg(picture(4, 4));
  const pictures = Array.from({ length: 40 }, (_, index) => [`${index % 3}/${index}.jpg`, bytes] as const);
  await withFolder(
    { "model.onnx": fileOf(b.build()), ...Object.fromEntries(pictures) },
    (folder) => permitted(["evaluate", join(folder, "model.onnx"), "--dataset", folder]),
  );
});

Deno.test(
  "commands that write files beside need to write their folder and nothing else",
  needsGpu,
  () =>
    withFolder(files, async (folder) => {
      const [model, output] = [join(folder, "model.onnx"), join(folder, "out")];
      await permitted(["inspect", model, "--graph", join(output, "net.svg")], output);
      await permitted(["compare", model, model, "--dataset", folder, "--output", output], output);
      await permitted(["evaluate", model, "--dataset", folder, "--profile", join(output, "profile.json")], output);
      await permitted(["init", model, folder, "--output", output], output);
      const names = await namesIn(output);
      for (const name of ["net.svg", "compare.json", "profile.json", "dataset.json"]) {
        assert.ok(names.includes(name), name);
      }
    }),
);

Deno.test("verify needs to read and nothing else", needsGpu, () => {
  const b = new GraphBuilder();
  b.output(b.node("Relu", [b.input("x", [2])]));
  const tensor = (values: readonly number[], name: string) =>
    onnx.TensorProto.encode(tensorToProto(hostTensor("float32", [2], values), name)).finish();
  return withFolder({
    "relu/model.onnx": fileOf(b.build()),
    "relu/test_data_set_0/input_0.pb": tensor([-1, 2], "x"),
    "relu/test_data_set_0/output_0.pb": tensor([0, 2], "y"),
  }, (folder) => permitted(["verify", folder]));
});
