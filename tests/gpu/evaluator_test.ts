/** Precision on the GPU: what toggling costs, and that sharing work changes nothing. */
import assert from "node:assert/strict";
import {
  type Assignment,
  type Evaluation,
  type Evaluator,
  FLOAT,
  type OutputDistance,
} from "../../src/base/precision.ts";
import type { HostTensor } from "../../src/base/tensor.ts";
import { partOf } from "../../src/accuracy/part_of_evaluation.ts";
import { candidateData } from "../../src/api/candidates.ts";
import { sampleTypes } from "../../src/api/network.ts";
import type { Dataset } from "../../src/data/dataset.ts";
import { floatSquaredError } from "../../src/evaluate/agreement.ts";
import { attachDataset, feedTypes } from "../../src/evaluate/feed.ts";
import { FloatOutputs } from "../../src/evaluate/float_outputs.ts";
import { GpuEvaluator } from "../../src/evaluate/gpu_evaluator.ts";
import { GpuStatistics } from "../../src/evaluate/gpu_statistics.ts";
import { outputDistance } from "../../src/evaluate/distances.ts";
import { accuracy, meanMetric, type Metric } from "../../src/evaluate/metric.ts";
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
async function assemble(
  dataset: Dataset,
  options: {
    batch: number;
    memoryBudget?: number;
    activationBudget?: number;
    passBudget?: number;
    metrics?: readonly Metric[];
    reference?: FloatOutputs;
  },
) {
  const memoryBudget = options.memoryBudget ?? 1e9;
  const lifted = liftBatch(residualNetwork(), (graph, batch) => sampleTypes(graph, dataset, batch));
  const graph = runPasses(lifted.graph, sampleTypes(lifted.graph, dataset, 1));
  const prepared = prepare(inferTypes(graph, sampleTypes(graph, dataset, 1)));
  const feed = attachDataset(prepared.graph, dataset);
  const { batch } = options;
  const typed = inferTypes(feed.graph, feedTypes(feed, batch));
  const plan = buildPlan(typed, prepared.layout.quantizers, { target: gpu!.kernelTarget });
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
    metrics: options.metrics ?? [accuracy(), firstLogit],
    layout: prepared.layout,
    batch,
    ...(options.reference ? { reference: options.reference } : {}),
    ...(options.passBudget === undefined ? {} : { passBudget: options.passBudget }),
    ...(options.activationBudget === undefined ? {} : { activationBudget: options.activationBudget }),
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

/** All results of `evaluateEach`, and the places in the order in which they came. */
async function evaluateEach(
  evaluator: Evaluator,
  base: Assignment,
  assignments: readonly Assignment[],
  indices: readonly number[],
): Promise<{ results: Evaluation[]; order: number[] }> {
  const [results, order]: [Evaluation[], number[]] = [[], []];
  await evaluator.evaluateEach(base, assignments, indices, (place, evaluation) => {
    results[place] = evaluation;
    order.push(place);
    return Promise.resolve();
  });
  return { results, order };
}

/** Assignments as a ranking has them: each reverts one group of the base. */
function candidatesOf(base: Assignment): Assignment[] {
  return base.map((_, group) => base.map((state, index) => index === group ? FLOAT : state));
}

Deno.test({
  name: "GpuEvaluator neither compiles nor uploads while precision is toggled (W10)",
  ignore: !gpu,
  async fn() {
    using parts = await assemble(residualDataset(12), { batch: 4 });
    const { evaluator, session, groups } = parts;
    assert.ok(groups.length >= 4, `the network has ${groups.length} groups`);
    await evaluator.evaluate(groups.map(() => 0));
    const before = [pipelines!.compiled, session.uploads];
    await evaluateEach(evaluator, groups.map(() => 0), candidatesOf(groups.map(() => 0)), [0, 3, 4, 7, 9]);
    await evaluator.evaluate(groups.map((_, index) => index % 3 - 1));
    assert.deepEqual([pipelines!.compiled, session.uploads], before);
  },
});

/** Room for the activations of all passes, of some, and of none. */
const PASS_BUDGETS = [1e7, 9000, 0];

Deno.test({
  name: "GpuEvaluator.evaluateEach() equals evaluate() bit for bit, whatever it keeps between passes",
  ignore: !gpu,
  async fn() {
    const indices = [10, 2, 3, 4, 7, 0, 9];
    const spent: number[] = [];
    for (
      const options of [...PASS_BUDGETS.map((passBudget) => ({ passBudget })), { passBudget: 1e7, memoryBudget: 0 }]
    ) {
      using parts = await assemble(residualDataset(11), { batch: 4, ...options });
      const { evaluator, groups } = parts;
      const base = groups.map((_, index) => index === 1 ? FLOAT : 0);
      const assignments = [...candidatesOf(base), base, base.map(() => 1), base.map(() => FLOAT)];
      const { results } = await evaluateEach(evaluator, base, assignments, indices);
      spent.push(evaluator.networkEquivalents());
      const distinct = new Set<string>();
      for (const [lane, assignment] of assignments.entries()) {
        const alone = await evaluator.evaluate(assignment, indices);
        assert.deepEqual(results[lane], alone, `assignment ${assignment}, ${JSON.stringify(options)}`);
        distinct.add(alone.perSample["first_logit"]!.join());
      }
      assert.ok(distinct.size >= groups.length, "precision makes a difference");
    }
    const [most, some, none] = spent;
    assert.equal(most, none, "activations that are kept spare as much as a single pass does");
    assert.ok(some! <= 1.02 * most!, `${some} against ${most}`);
  },
});

Deno.test({
  name: "GpuEvaluator.evaluateEach() gives results one after the other, those asked for again in the same order",
  ignore: !gpu,
  async fn() {
    using parts = await assemble(residualDataset(11), { batch: 4, passBudget: 1e7 });
    const { evaluator, groups } = parts;
    const base = groups.map(() => 0);
    const assignments = candidatesOf(base);
    const [all, indices]: [number[], number[]] = [[], [1, 5, 9]];
    const failing = evaluator.evaluateEach(base, assignments, indices, (place) => {
      all.push(place);
      return all.length === 3 ? Promise.reject(new Error("full")) : Promise.resolve();
    });
    await assert.rejects(failing, /full/);
    assert.equal(all.length, 3, "the third result ends the work");
    const left = assignments.filter((_, place) => !all.includes(place));
    const { order, results } = await evaluateEach(evaluator, base, left, indices);
    const { order: whole, results: expected } = await evaluateEach(evaluator, base, assignments, indices);
    assert.deepEqual([...all, ...order.map((place) => assignments.indexOf(left[place]!))], whole);
    assert.deepEqual(results, left.map((one) => expected[assignments.indexOf(one)]));
  },
});

Deno.test({
  name: "GpuEvaluator.evaluateEach() costs less than evaluating every assignment",
  ignore: !gpu,
  async fn() {
    using parts = await assemble(residualDataset(8), { batch: 4 });
    const { evaluator, groups } = parts;
    const base = groups.map(() => 0);
    await evaluateEach(evaluator, base, candidatesOf(base), [0, 1, 2, 3]);
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

/** Assignments as a reverting loop asks for them: from int8, one group after the other to float, one undone, one on another candidate. */
function trajectory(count: number): Assignment[] {
  const plain = Array.from({ length: count }, () => 0);
  const change = (from: Assignment, group: number, to: number) => from.map((one, index) => index === group ? to : one);
  const first = change(plain, count - 2, FLOAT);
  const second = change(first, 1, FLOAT);
  const third = change(first, count - 1, 1);
  return [
    plain.map(() => FLOAT),
    plain,
    first,
    second,
    third,
    plain,
    change(third, 0, FLOAT),
    third,
    change(third, count - 1, FLOAT),
  ];
}

Deno.test({
  name: "GpuEvaluator.evaluate() gives the same bits from stored activations, for less work",
  ignore: !gpu,
  async fn() {
    const dataset = residualDataset(11);
    using plain = await assemble(dataset, { batch: 4 });
    using storing = await assemble(dataset, { batch: 4, activationBudget: 1e7 });
    using cramped = await assemble(dataset, { batch: 4, activationBudget: 28000 });
    for (const assignment of trajectory(plain.groups.length)) {
      const expected = await plain.evaluator.evaluate(assignment);
      assert.deepEqual(await storing.evaluator.evaluate(assignment), expected, `assignment ${assignment}`);
      assert.deepEqual(await cramped.evaluator.evaluate(assignment), expected, `assignment ${assignment}`);
    }
    const [full, most, some] = [plain, storing, cramped].map((parts) => parts.evaluator.networkEquivalents());
    assert.equal(full, 11 * 9);
    assert.ok(most! < 0.9 * full!, `${most} of ${full}`);
    assert.ok(most! < some! && some! < full!, `${some} lies between ${most} and ${full}`);
  },
});

Deno.test({
  name: "GpuEvaluator.evaluate() does not trust the activations of an evaluation that was interrupted",
  ignore: !gpu,
  async fn() {
    const dataset = residualDataset(11);
    using plain = await assemble(dataset, { batch: 4 });
    let allowed = Infinity;
    const interruption = new AbortController();
    const stopping: Metric = meanMetric("first_logit", "higher_better", ({ outputs }) => {
      if (--allowed === 0) interruption.abort();
      return outputs[0]!.data[0]!;
    });
    using storing = await assemble(dataset, { batch: 4, activationBudget: 1e7, metrics: [stopping] });
    const [, base, first] = trajectory(plain.groups.length);
    await storing.evaluator.evaluate(base);
    allowed = 2;
    await assert.rejects(storing.evaluator.evaluate(first!.map(() => FLOAT), undefined, interruption.signal));
    const expected = await plain.evaluator.evaluate(base);
    const found = await storing.evaluator.evaluate(base);
    assert.deepEqual(found.perSample["first_logit"], expected.perSample["first_logit"]);
  },
});

Deno.test({
  name: "GpuEvaluator.distances() compares with the float network whatever it remembers of it",
  ignore: !gpu,
  async fn() {
    const dataset = residualDataset(10);
    const seen = new Map<number, readonly HostTensor[]>();
    const recorder = meanMetric("recorder", "higher_better", ({ outputs, index }) => {
      seen.set(index, outputs);
      return 0;
    });
    using parts = await assemble(dataset, { batch: 4, metrics: [recorder] });
    const { evaluator, groups } = parts;
    const outputsOf = async (assignment: Assignment) => {
      await evaluator.evaluate(assignment);
      return new Map(seen);
    };
    const base = groups.map(() => 0);
    const assignments = [base, ...candidatesOf(base).slice(0, 2), base.map(() => FLOAT)];
    const float = await outputsOf(base.map(() => FLOAT));
    const others: ReadonlyMap<number, readonly HostTensor[]>[] = [];
    for (const assignment of assignments) others.push(await outputsOf(assignment));
    for (const kind of ["kl", "nmse", "cosine"] satisfies OutputDistance[]) {
      for (const indices of [[9, 1, 2, 5, 7], [2, 5]]) {
        const found: Float64Array[] = [];
        await evaluator.distances(kind, base, assignments, indices, (place, distances) => {
          found[place] = distances;
          return Promise.resolve();
        });
        const expected = others.map((outputs) =>
          Float64Array.from(indices, (index) => outputDistance(kind, float.get(index)!, outputs.get(index)!))
        );
        assert.deepEqual(found, expected);
        assert.deepEqual([...found.at(-1)!], indices.map(() => 0), "the float network is at no distance from itself");
        if (indices.length < 5) continue;
        assert.ok(found[0]!.some((value) => value > 0), `${kind} of the quantized network: ${found[0]}`);
      }
    }
  },
});

Deno.test({
  name: "GpuEvaluator shows metrics the float network's outputs whether or not they were computed before",
  ignore: !gpu,
  async fn() {
    using parts = await assemble(residualDataset(11), { batch: 4, metrics: [floatSquaredError()] });
    const { evaluator, groups } = parts;
    const [int8, float] = [groups.map(() => 0), groups.map(() => FLOAT)];
    const unknown = await evaluator.evaluate(int8);
    assert.ok(unknown.values["float_mse"]! > 0);
    assert.equal((await evaluator.evaluate(float)).values["float_mse"], 0);
    assert.deepEqual(await evaluator.evaluate(int8), unknown);
    const { results: [each] } = await evaluateEach(evaluator, float, [int8], [3, 1, 10]);
    assert.deepEqual(
      [...each!.perSample["float_mse"]!],
      [3, 1, 10].map((index) => unknown.perSample["float_mse"]![index]),
    );
  },
});

Deno.test({
  name: "GpuEvaluator.evaluateEach() shows every assignment the float network's outputs where it can keep none (W18)",
  ignore: !gpu,
  async fn() {
    const indices = [3, 1, 10, 4, 8];
    const found: Evaluation[][] = [];
    for (const budget of [Infinity, 0]) {
      const reference = new FloatOutputs(budget);
      using parts = await assemble(residualDataset(11), { batch: 4, metrics: [floatSquaredError()], reference });
      const { evaluator, groups } = parts;
      const base = groups.map(() => 0);
      const { results } = await evaluateEach(evaluator, base, [...candidatesOf(base), base], indices);
      assert.equal(reference.hasAll(indices), budget > 0);
      found.push(results);
    }
    assert.deepEqual(found[0], found[1]);
    assert.ok(found[0]!.every(({ values }) => values["float_mse"]! > 0));
  },
});

Deno.test({
  name: "GpuEvaluator.evaluate() of some samples is part of that of all, bit for bit",
  ignore: !gpu,
  async fn() {
    using parts = await assemble(residualDataset(11), { batch: 4, activationBudget: 1e7 });
    const { evaluator, groups } = parts;
    for (const assignment of trajectory(groups.length).slice(0, 4)) {
      const whole = await evaluator.evaluate(assignment);
      for (const indices of [[10, 3, 4], [0, 5, 6, 7, 8, 9]]) {
        assert.deepEqual(await evaluator.evaluate(assignment, indices), partOf(whole, indices, evaluator.metrics));
      }
    }
  },
});
