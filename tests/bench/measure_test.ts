/** The arithmetic of the benchmark. */
import assert from "node:assert/strict";
import { growthExponent, interleave, median } from "../../bench/measure.ts";
import { goalsTable } from "../../bench/goals.ts";
import { markdownTable, printTable, replaceTables, type Table } from "../../bench/section.ts";
import { layerClasses } from "../../bench/layers.ts";
import { GraphBuilder } from "../fixtures/graph_builder.ts";

Deno.test("median() is the middle, or the mean of the two in the middle", () => {
  assert.equal(median([5, 1, 3]), 3);
  assert.equal(median([4, 1, 3, 100]), 3.5);
  assert.ok(Number.isNaN(median([])));
});

Deno.test("growthExponent() finds the power of a power law, whatever its factor", () => {
  const sizes = [1, 2, 8, 64];
  for (const power of [0, 1, 2, 0.5]) {
    const times = sizes.map((size) => 7 * size ** power);
    assert.ok(Math.abs(growthExponent(sizes, times) - power) < 1e-12);
  }
});

Deno.test("interleave() lets contenders take turns, each first in turn, and does not count the first round", async () => {
  const order: string[] = [];
  const contender = (name: string, times: number[]) => ({
    name,
    run: () => {
      order.push(name);
      return Promise.resolve(times.shift()!);
    },
  });
  const medians = await interleave([contender("a", [900, 1, 2, 3]), contender("b", [900, 30, 10, 20])], {
    rounds: [3, 3],
    budgetMs: 0,
  });
  assert.deepEqual(medians, [2, 20]);
  assert.equal(order.join(""), "ab" + "ab" + "ba" + "ab");
});

Deno.test("interleave() stops at the budget once it has run the least rounds", async () => {
  let runs = 0;
  await interleave([{ name: "a", run: () => Promise.resolve(++runs) }], { rounds: [2, 100], budgetMs: -1 });
  assert.equal(runs, 1 + 2);
});

Deno.test("interleave() runs one round where a round is long", async () => {
  let runs = 0;
  await interleave([{ name: "a", run: () => Promise.resolve(++runs) }], { rounds: [3, 3], budgetMs: 1000, longMs: -1 });
  assert.equal(runs, 1 + 1);
});

Deno.test("replaceTables() keeps the document around its marks, however often", () => {
  const document = "text\n\n<!-- tables: begin -->\nold\n<!-- tables: end -->\n\nmore\n";
  const once = replaceTables(document, "new\n");
  assert.equal(once, "text\n\n<!-- tables: begin -->\n\nnew\n\n<!-- tables: end -->\n\nmore\n");
  assert.equal(replaceTables(once, "new"), once);
  assert.throws(() => replaceTables("text", "new"), /lacks the lines/);
});

Deno.test("goalsTable() finds the worst of the rows that a goal is about", () => {
  const table = (name: string, columns: string[], rows: Table["rows"]) => ({
    name,
    title: "",
    columns,
    rows,
    remarks: [],
  });
  const { rows } = goalsTable([
    table("peers", ["network", "batch", "ratio"], [
      ["mobilenet_v2_1.0_224", 1, 7],
      ["mobilenet_v2_1.0_224", 8, 9],
      ["use_lite_sst2", 1, 1.5],
      ["failed", 1, undefined],
    ]),
    table("precision", ["network", "int8 / fp32"], [["one", 1.1], ["other", 1.15]]),
  ]);
  assert.deepEqual(rows.map(([, , met, worst, where]) => [met, worst, where]), [
    ["yes", 7, "mobilenet_v2_1.0_224, 1"],
    ["no", 7, "mobilenet_v2_1.0_224, 1"],
    ["yes", 1.5, "use_lite_sst2, 1"],
    ["yes", 1.15, "other"],
  ]);
});

Deno.test("layerClasses() tells layers apart by operator, kernel and groups", () => {
  const builder = new GraphBuilder();
  let value = builder.input("x", [1, 4, 8, 8]);
  const convolve = (name: string, shape: readonly number[], group = 1) =>
    value = builder.node("Conv", [value, builder.constant(`${name}_w`, shape)], { name, attributes: { group } });
  convolve("pointwise", [6, 4, 1, 1]);
  convolve("square", [6, 6, 3, 3]);
  convolve("depthwise", [6, 1, 3, 3], 6);
  convolve("tall", [6, 6, 3, 1]);
  value = builder.node("Flatten", [builder.node("Relu", [value], { name: "relu" })]);
  value = builder.node("Gemm", [value, builder.constant("w", [48, 2])], { name: "linear" });
  const classes = layerClasses(builder.output(value).typed());
  assert.deepEqual(
    ["pointwise", "square", "depthwise", "tall", "relu", "linear"].map((name) => classes.get(name)),
    ["1×1 conv", "3×3 conv", "depthwise", "other conv", "rest", "Gemm, MatMul"],
  );
});

const TABLE: Table = {
  title: "Title",
  columns: ["what", "ms", "ratio"],
  rows: [["first", 1234.5, 2], ["second", 0.125, undefined], ["third", 12.34, NaN]],
  remarks: ["Remark."],
};

Deno.test("printTable() rounds to what can be measured and shows what could not be", () => {
  assert.equal(
    printTable(TABLE),
    "Title\n\nwhat    ms    ratio\nfirst   1235  2\nsecond  0.13  –\nthird   12.3  –\n  Remark.",
  );
});

Deno.test("markdownTable() sets numbers flush right", () => {
  assert.equal(
    markdownTable(TABLE),
    "### Title\n\n| what | ms | ratio |\n| --- | --: | --: |\n| first | 1235 | 2 |\n| second | 0.13 | – |\n" +
      "| third | 12.3 | – |\n\nRemark.",
  );
});
