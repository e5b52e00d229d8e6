/** Tiles are measured once per adapter and shape, kept where that is allowed, and change no result. */
import assert from "node:assert/strict";
import { datasetFromArrays, evaluateModel, loadModel, meanMetric, Runtime, type RuntimeOptions } from "../../mod.ts";
import { hostTensor } from "../../src/base/tensor.ts";
import { exportGraph } from "../../src/graph/export.ts";
import { encodeModel } from "../../src/onnx/encode.ts";
import { GraphBuilder } from "../fixtures/graph_builder.ts";
import { openTestGpu } from "../support/adapter.ts";

const probe = await openTestGpu();
const canMeasure = probe?.device.features.has("timestamp-query") === true;
probe?.destroy();

const folder = await Deno.makeTempDir({ prefix: "holdfast-tiles-" });
addEventListener("unload", () => Deno.removeSync(folder, { recursive: true }));

const model = await loadModel(
  new Uint8Array(encodeModel(exportGraph(((builder: GraphBuilder) => {
    const x = builder.input("x", [1, 6, 5, 5]);
    const hidden = builder.node("Relu", [builder.node("Conv", [x, builder.constant("w", [9, 6, 1, 1])])]);
    return builder.output(builder.node("GlobalAveragePool", [hidden])).build();
  })(new GraphBuilder())))),
);

const dataset = datasetFromArrays({
  inputs: hostTensor("float32", [4, 6, 5, 5], Array.from({ length: 600 }, (_, index) => Math.sin(index))),
});

/** Values of the network's outputs with a runtime, what it said, and how many tiles it had in the end. */
async function run(cacheHome: string, options: RuntimeOptions) {
  const before = Deno.env.get("XDG_CACHE_HOME");
  Deno.env.set("XDG_CACHE_HOME", cacheHome);
  try {
    const said: string[] = [];
    using runtime = await Runtime.open({ ...options, onNote: (text) => said.push(text) });
    const seen: number[] = [];
    const recorder = meanMetric("recorder", "higher_better", ({ outputs }) => {
      seen.push(...outputs[0]!.data);
      return 0;
    });
    await evaluateModel(runtime, model, dataset, { metrics: [recorder], batchSize: 2 });
    return { said, seen, tiles: runtime.gpu.tiles.size };
  } finally {
    if (before === undefined) Deno.env.delete("XDG_CACHE_HOME");
    else Deno.env.set("XDG_CACHE_HOME", before);
  }
}

async function cacheFiles(): Promise<string[]> {
  const names: string[] = [];
  for await (const { name } of Deno.readDir(`${folder}/holdfast`)) names.push(name);
  return names;
}

Deno.test({
  name: "Runtime measures tiles once, keeps them, and computes the same with them",
  ignore: !canMeasure,
  async fn() {
    const plain = await run(folder, { tune: false });
    assert.deepEqual([plain.said, plain.tiles], [[], 0]);
    const first = await run(folder, { tune: true });
    assert.match(
      first.said.join("\n"),
      /^Measuring kernels for 1 shapes[^]*Measured kernels for 1 shapes in .*, kept in/,
    );
    assert.deepEqual([first.tiles, first.seen], [1, plain.seen]);
    const [name, ...others] = await cacheFiles();
    assert.deepEqual(others, []);
    const { tiles } = JSON.parse(await Deno.readTextFile(`${folder}/holdfast/${name}`));
    assert.deepEqual(Object.keys(tiles), ["matmul columns 25 depth 6 inner 2 outer 1 rows 9"]);
    const second = await run(folder, { tune: true });
    assert.deepEqual([second.said, second.tiles, second.seen], [[], 1, plain.seen]);
  },
});

Deno.test({
  name: "Runtime measures again where the cache holds nonsense, or a tile that there is not",
  ignore: !canMeasure,
  async fn() {
    const [name] = await cacheFiles();
    const key = "matmul columns 25 depth 6 inner 2 outer 1 rows 9";
    for (const text of ["{", "null", `{"tiles":{"${key}":"columns 4096"}}`, `{"tiles":{"${key}":7}}`]) {
      await Deno.writeTextFile(`${folder}/holdfast/${name}`, text);
      const { said, tiles } = await run(folder, { tune: true });
      assert.match(said.join("\n"), /Measured kernels for 1 shapes/, text);
      assert.equal(tiles, 1);
    }
  },
});

Deno.test({
  name: "Runtime says once that it cannot keep tiles, and goes on",
  ignore: !canMeasure,
  permissions: { env: true, read: true, write: false },
  async fn() {
    const { said, tiles } = await run(`${folder}/forbidden`, { tune: true });
    assert.match(said.at(-1)!, /^What was measured is forgotten with this process: writing to ".*" is not allowed$/);
    assert.equal(tiles, 1);
  },
});

Deno.test({
  name: "Runtime does not measure on a software adapter unless asked to",
  ignore: !canMeasure || !probe?.adapter.isSoftware,
  async fn() {
    const { said, tiles } = await run(`${folder}/none`, {});
    assert.deepEqual([said, tiles], [[], 0]);
  },
});
