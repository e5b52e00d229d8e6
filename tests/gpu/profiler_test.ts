/** Recording what runs on the GPU. */
import assert from "node:assert/strict";
import { FLOAT } from "../../src/base/precision.ts";
import { hostTensor, type TensorType } from "../../src/base/tensor.ts";
import { PipelineCache } from "../../src/gpu/pipelines.ts";
import { PassTimer, tickFrom } from "../../src/gpu/timing.ts";
import { inferTypes } from "../../src/ops/infer.ts";
import { runPasses } from "../../src/passes/run_passes.ts";
import { buildPlan } from "../../src/plan/build.ts";
import { prepare } from "../../src/quantize/prepare.ts";
import { Session } from "../../src/run/session.ts";
import { residualNetwork } from "../fixtures/residual_network.ts";
import { openTestGpu } from "../support/adapter.ts";

const gpu = await openTestGpu();
const pipelines = gpu && new PipelineCache(gpu);
const hasTimestamps = gpu?.device.features.has("timestamp-query") ?? false;
if (gpu && !hasTimestamps) console.error("SKIPPED: profiler tests need an adapter with timestamp queries");

const image = new Map<string, TensorType>([["image", { dtype: "float32", shape: [1, 3, 9, 9] }]]);
const pixels = hostTensor("float32", [1, 3, 9, 9], Float32Array.from({ length: 243 }, (_, index) => index % 7 - 3));

async function openSession() {
  const prepared = prepare(inferTypes(runPasses(residualNetwork(), image), image));
  const plan = buildPlan(inferTypes(prepared.graph, image), prepared.layout.quantizers);
  const session = await Session.create(gpu!, pipelines!, plan, prepared.layout);
  const parameters = { scale: Float32Array.of(1 / 16), zeroPoint: Int32Array.of(0), low: -128, high: 127 };
  const data = prepared.layout.quantizers.map(({ id, kind, value }) =>
    [id, kind === "activation" ? { parameters } : { tensor: prepared.graph.initializers.get(value)! }] as const
  );
  session.setCandidate(0, new Map(data));
  session.writeInput("image", pixels);
  return { session, groups: prepared.layout.groups.length };
}

Deno.test({
  name: "PassTimer.read() gives times in the order of the passes, and refuses more than it has room for",
  ignore: !hasTimestamps,
  async fn() {
    using timer = new PassTimer(gpu!, 3);
    const encoder = gpu!.device.createCommandEncoder();
    for (let pass = 0; pass < 3; pass++) encoder.beginComputePass({ timestampWrites: timer.next() }).end();
    assert.equal(timer.room, 0);
    assert.throws(() => timer.next(), /Cannot time more than 3 passes/);
    gpu!.device.queue.submit([encoder.finish()]);
    const times = await timer.read(1);
    assert.equal(times.length, 3);
    for (const [index, { start, duration }] of times.entries()) {
      assert.ok(duration >= 0);
      if (index > 0) assert.ok(start >= times[index - 1]!.start);
    }
  },
});

Deno.test("tickFrom() takes a clock for nanoseconds unless it is clearly another one", () => {
  assert.equal(tickFrom(200_000, 190_000), 1);
  assert.equal(tickFrom(200_000, 20_000), 10, "ticks of 10 ns");
  assert.equal(tickFrom(200_000, 0), 1, "a clock that stands still");
});

Deno.test({
  name: "Session.encode() records a pass per step with the results unchanged, float and int8 apart",
  ignore: !hasTimestamps,
  async fn() {
    const { session: plain, groups } = await openSession();
    plain.run();
    const [expected] = await plain.read();
    plain[Symbol.dispose]();

    const profiler = gpu!.startProfiler();
    const { session } = await openSession();
    using _session = session;
    session.run();
    const [actual] = await session.read();
    assert.deepEqual(actual, expected);
    const always = session.plan.steps.filter((step) => step.onlyFor === undefined);
    const passes = await profiler.read();
    assert.deepEqual(passes.map(({ step }) => session.plan.steps[step]), always);
    assert.deepEqual(passes[0]!.shape, [1, 8, 9, 9]);
    assert.ok(passes.every(({ track }) => track === "session 1 float32"));
    assert.equal(passes[0]!.start, 0);

    session.run(Array.from({ length: groups }, () => FLOAT));
    session.run(Array.from({ length: groups }, () => 0));
    const again = Map.groupBy(await profiler.read(), ({ track }) => track);
    assert.equal(
      again.get("session 1 float32")!.length,
      2 * always.length,
      "an assignment of float is the float track",
    );
    assert.equal(again.get("session 1 int8")!.length, session.plan.steps.length, "copies are made in int8 alone");
  },
});

Deno.test({
  name: "PassProfiler.begin() leaves runs alone for which a track has no room",
  ignore: !hasTimestamps,
  fn() {
    const profiler = gpu!.startProfiler();
    const owner = {};
    assert.equal(profiler.begin(owner, "float32", 100_000), undefined);
    assert.notEqual(profiler.begin(owner, "float32", 10), undefined);
  },
});
