import assert from "node:assert/strict";
import { classifier, fileOf, labelledSamples } from "../fixtures/classifier.ts";
import { openTestGpu } from "../support/adapter.ts";

const gpu = await openTestGpu();
const hasAdapter = gpu !== undefined;
gpu?.destroy();

Deno.test({
  name: "quantize needs to read, and to write its output folder, and nothing else",
  ignore: !hasAdapter,
  fn: async () => {
    const folder = await Deno.makeTempDir();
    try {
      await Deno.writeFile(`${folder}/model.onnx`, fileOf(classifier()));
      for (const [name, bytes] of Object.entries(labelledSamples(16))) await Deno.writeFile(`${folder}/${name}`, bytes);
      const { code, stderr } = await new Deno.Command(Deno.execPath(), {
        args: [
          ...["run", "--quiet", "--no-prompt", "--allow-read", `--allow-write=${folder}/out`],
          ...[new URL("../../cli.ts", import.meta.url).pathname, "quantize", `${folder}/model.onnx`],
          ...["--dataset", folder, "--ranking-subset-size", "8", "--output", `${folder}/out`],
        ],
        // What Holdfast would set itself if it were permitted to.
        env: { DENO_WEBGPU_BACKEND: Deno.env.get("DENO_WEBGPU_BACKEND") || "vulkan,metal,dx12", NO_COLOR: "1" },
      }).output();
      assert.ok(code === 0 || code === 3, new TextDecoder().decode(stderr));
      const names = (await Array.fromAsync(Deno.readDir(`${folder}/out`))).map(({ name }) => name);
      for (const name of ["model.onnx", "report.html", "report.json"]) assert.ok(names.includes(name), `no ${name}`);
    } finally {
      await Deno.remove(folder, { recursive: true });
    }
  },
});
