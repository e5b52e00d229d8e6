/** Precision on the GPU: what toggling costs, and that sharing work changes nothing. */
import assert from "node:assert/strict";
import { type Assignment, FLOAT } from "../../src/base/precision.ts";
import { candidateData } from "../../src/api/quantize.ts";
import { sampleTypes } from "../../src/api/network.ts";
import type { Dataset } from "../../src/data/dataset.ts";
import { attachDataset, feedTypes } from "../../src/evaluate/feed.ts";
import { GpuEvaluator } from "../../src/evaluate/gpu_evaluator.ts";
import { GpuStatistics } from "../../src/evaluate/gpu_statistics.ts";
import { accuracy, meanMetric } from "../../src/evaluate/metric.ts";
import { SampleStore } from "../../src/evaluate/sample_store.ts";
import { PipelineCache } from "../../src/gpu/pipelines.ts";
import { inferTypes } from "../../src/ops/infer.ts";
import { buildPlan } from "../../src/plan/build.ts";
import { runPasses } from "../../src/passes/run_passes.ts";
import { liftBatch } from "../../src/passes/lift_batch.ts";
import { calibrate } from "../../src/quantize/default_quantization.ts";
import { prepare } from "../../src/quantize/prepare.ts";
import { Session } from "../../src/run/session.ts";
import { residualDataset, residualNetwork } from "../fixtures/residual_network.ts";
import { openTestGpu } from "../support/adapter.ts";

const gpu = await openTestGpu();
const pipelines = gpu && new PipelineCache(gpu);

/** The first output itself: differences too small for accuracy to show. */
const firstLogit = meanMetric("first_logit", "higher_better", ({ outputs }) => outputs[0]!.data[0]!);

/** Everything the loop's evaluator is made of, with two candidates. */
async function assemble(dataset: Dataset, options: { batch: number; memoryBudget?: number }) {
  const memoryBudget = options.memoryBudget ?? 1e9;
  const lifted = liftBatch(residualNetwork(), (graph, batch) => sampleTypes(graph, dataset, batch));
  const graph = runPasses(lifted.graph, sampleTypes(lifted.graph, dataset, 1));
  const prepared = prepare(inferTypes(graph, sampleTypes(graph, dataset, 1)));
  const feed = attachDataset(prepared.graph, dataset);
  const { batch } = options;
  const plan = buildPlan(inferTypes(feed.graph, feedTypes(feed, batch)), prepared.layout.quantizers);
  const session = await Session.create(gpu!, pipelines!, plan, prepared.layout);
  const indices = Array.from({ length: dataset.length }, (_, index) => index);
  const statistics = new GpuStatistics({
    gpu: gpu!,
    pipelines: pipelines!,
    feed,
    dataset,
    indices,
    batch,
    memoryBudget,
  });
  for (const [index, preset] of (["performance", "mixed"] as const).entries()) {
    session.setCandidate(index, candidateData(prepared, await calibrate(prepared, statistics, { preset })));
  }
  const store = new SampleStore(gpu!, dataset, feed.inputs, memoryBudget);
  const evaluator = new GpuEvaluator({
    gpu: gpu!,
    session,
    store,
    dataset,
    metrics: [accuracy(), firstLogit],
    layout: prepared.layout,
    batch,
  });
  return {
    session,
    evaluator,
    groups: prepared.layout.groups,
    [Symbol.dispose]() {
      evaluator[Symbol.dispose]();
      store[Symbol.dispose]();
      session[Symbol.dispose]();
    },
  };
}

/** Assignments as a ranking has them: each reverts one group of the base. */
function candidatesOf(base: Assignment): Assignment[] {
  return base.map((_, group) => base.map((state, index) => index === group ? FLOAT : state));
}

Deno.test({
  name: "GpuEvaluator neither compiles nor uploads while precision is toggled",
  ignore: !gpu,
  async fn() {
    using parts = await assemble(residualDataset(12), { batch: 4 });
    const { evaluator, session, groups } = parts;
    assert.ok(groups.length >= 4, `the network has ${groups.length} groups`);
    await evaluator.evaluate(groups.map(() => 0));
    const before = [pipelines!.compiled, session.uploads];
    await evaluator.evaluateEach(groups.map(() => 0), candidatesOf(groups.map(() => 0)), [0, 3, 4, 7, 9]);
    await evaluator.evaluate(groups.map((_, index) => index % 3 - 1));
    assert.deepEqual([pipelines!.compiled, session.uploads], before);
  },
});

Deno.test({
  name: "GpuEvaluator.evaluateEach() equals evaluate() bit for bit",
  ignore: !gpu,
  async fn() {
    using parts = await assemble(residualDataset(11), { batch: 4 });
    const { evaluator, groups } = parts;
    const indices = [10, 2, 3, 4, 7, 0, 9];
    const base = groups.map((_, index) => index === 1 ? FLOAT : 0);
    const assignments = [...candidatesOf(base), base, base.map(() => 1), base.map(() => FLOAT)];
    const together = await evaluator.evaluateEach(base, assignments, indices);
    const distinct = new Set<string>();
    for (const [lane, assignment] of assignments.entries()) {
      const alone = await evaluator.evaluate(assignment, indices);
      assert.deepEqual(together[lane], alone, `assignment ${assignment}`);
      distinct.add(alone.perSample["first_logit"]!.join());
    }
    assert.ok(distinct.size >= groups.length, "precision makes a difference");
  },
});

Deno.test({
  name: "GpuEvaluator.evaluateEach() costs less than evaluating every assignment",
  ignore: !gpu,
  async fn() {
    using parts = await assemble(residualDataset(8), { batch: 4 });
    const { evaluator, groups } = parts;
    const base = groups.map(() => 0);
    await evaluator.evaluateEach(base, candidatesOf(base), [0, 1, 2, 3]);
    const spent = evaluator.networkEquivalents();
    assert.ok(spent < 4 * groups.length, `spent ${spent}`);
    assert.ok(spent > 4, `spent ${spent}`);
  },
});

Deno.test({
  name: "GpuEvaluator.evaluate() gives the same for any batch size and for streamed samples",
  ignore: !gpu,
  async fn() {
    const dataset = residualDataset(9);
    const results = [];
    for (const options of [{ batch: 1 }, { batch: 4 }, { batch: 16 }, { batch: 4, memoryBudget: 100 }]) {
      using parts = await assemble(dataset, options);
      results.push(await parts.evaluator.evaluate(parts.groups.map((_, index) => index % 3 - 1)));
    }
    for (const result of results.slice(1)) assert.deepEqual(result, results[0]);
  },
});
