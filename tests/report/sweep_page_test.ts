import assert from "node:assert/strict";
import { renderHtmlReport } from "../../src/report/html_report.ts";
import { renderSweepPage } from "../../src/report/sweep_page.ts";
import { renderSweepPlot } from "../../src/report/sweep_plot.ts";
import { paretoFront, type SweepReport, type SweepReportRow } from "../../src/report/sweep_report.ts";
import { findChromium, loadPage } from "../support/chromium.ts";
import { HOSTILE, SAMPLE_REPORT } from "./sample_report.ts";

const browser = await findChromium();

function row(maximalDrop: number, drop: number | null, int8Macs: number, changes: Partial<SweepReportRow> = {}) {
  return {
    maximalDrop,
    reached: true,
    value: drop === null ? null : 0.95 - drop,
    drop,
    standardError: null,
    int8Macs,
    floatGroups: 1,
    byteLength: Math.round(4000 - 3000 * int8Macs),
    sha256: `${drop} ${int8Macs}`,
    networkEquivalents: 10,
    model: `${maximalDrop}/model.onnx`,
    ...changes,
  };
}

const SWEEP: SweepReport = {
  version: 1,
  model: { ...SAMPLE_REPORT.model, name: HOSTILE },
  dataset: SAMPLE_REPORT.dataset,
  metric: "accuracy",
  baseline: 0.95,
  quantized: 0.9,
  groups: 12,
  networkEquivalents: 40,
  rows: [
    row(0.001, 0.002, 0.4, { reached: false }),
    row(0.005, 0.004, 0.7),
    row(0.01, 0.008, 0.65),
    row(0.02, 0.015, 1),
    row(0.05, 0.015, 1),
  ],
};

Deno.test("paretoFront() keeps the rows that no other beats, equal ones included", () => {
  assert.deepEqual(paretoFront(SWEEP.rows).map(({ maximalDrop }) => maximalDrop), [0.001, 0.005, 0.02, 0.05]);
  const unknown = row(0.1, null, 0.5);
  assert.deepEqual(paretoFront([unknown]), [unknown]);
  assert.deepEqual(paretoFront([unknown, row(0.2, 0.1, 0.5)]).map(({ maximalDrop }) => maximalDrop), [0.2]);
});

Deno.test("renderSweepPlot() labels models, not drops, and stands alone", async () => {
  const svg = await renderSweepPlot(SWEEP);
  assert.ok(svg.startsWith("<svg ") && !svg.includes("var("));
  assert.equal([...svg.matchAll(/>≤ 0\.02, 0\.05</g)].length, 2, "one mark for two drops, in both panels");
});

Deno.test("renderSweepPlot() puts the labels of models that are close to each other apart", async () => {
  const rows = [row(0.001, 0.001, 0.5), row(0.002, 0.0012, 0.51), row(0.003, 0.0014, 0.52), row(0.1, 0.02, 1)];
  const labels = textsOf(await renderSweepPlot({ ...SWEEP, rows })).filter(({ text }) => text.startsWith("≤"));
  assert.equal(labels.length, 8);
  for (const [index, one] of labels.entries()) {
    for (const other of labels.slice(index + 1)) {
      const isNear = Math.abs(one.x - other.x) < 20 && Math.abs(one.y - other.y) < 10 && one.anchor === other.anchor;
      assert.ok(!isNear || one.panel !== other.panel, `${one.text} lies on ${other.text}`);
    }
  }
});

/** Every text with its place in its panel. */
function textsOf(svg: string) {
  const [, ...panels] = svg.split(/(?=<g class="mark-group role-scope concat_)/);
  return panels.flatMap((part, panel) =>
    [...part.matchAll(/<text text-anchor="(\w+)" transform="translate\(([-\d.]+),([-\d.]+)\)"[^>]*>([^<]*)</g)]
      .map(([, anchor, x, y, text]) => ({ panel, anchor, x: Number(x), y: Number(y), text: text ?? "" }))
  );
}

Deno.test("renderSweepPage() leads to the report of every drop, and lets no name become markup", async () => {
  const page = await renderSweepPage(SWEEP);
  for (const { maximalDrop } of SWEEP.rows) assert.ok(page.includes(`<a href="${maximalDrop}/report.html">`));
  assert.equal([...page.matchAll(/<script/g)].length, 1, "its own script alone");
  assert.equal([...page.matchAll(/<img/g)].length, 0);
});

Deno.test("renderHtmlReport() shows the sweep that the report is a part of", async () => {
  const page = await renderHtmlReport(SAMPLE_REPORT, SWEEP);
  assert.ok(page.includes("<strong>0.01</strong>, this page"));
  assert.ok(page.includes(`<a href="../0.02/report.html">`));
  assert.ok(!(await renderHtmlReport(SAMPLE_REPORT)).includes("Pareto"));
});

Deno.test({
  name: "renderSweepPage() gives a page that Chromium shows without errors",
  ignore: browser === undefined,
  async fn() {
    const file = await Deno.makeTempFile({ suffix: ".html" });
    try {
      await Deno.writeTextFile(file, await renderSweepPage(SWEEP));
      const { dom, console } = await loadPage(browser!, `file://${file}`);
      assert.deepEqual(console, []);
      assert.match(dom, /<title>≤ 0.005: drop 0.004, 70.0 % in int8<\/title>/);
    } finally {
      await Deno.remove(file);
    }
  },
});
