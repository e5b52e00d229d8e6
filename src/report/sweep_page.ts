/** A sweep as a page, and as a part of the pages of its drops. */
import { Html, html } from "./html.ts";
import { type Column, table } from "./html_parts.ts";
import { renderPage } from "./html_page.ts";
import { sweepPlot } from "./sweep_plot.ts";
import { paretoFront, type SweepReport, type SweepReportRow } from "./sweep_report.ts";
import { formatValue } from "./summary.ts";
import { formatBytes, formatCount } from "./table.ts";

/**
 * The page of the sweep's folder, which leads to the reports of its drops.
 *
 * ```ts
 * import { accuracy, buildSweepReport, loadModel, openDataset, renderSweepPage, reportQuantization, Runtime, sweepQuantization } from "@holdfast/holdfast";
 *
 * using runtime = await Runtime.open();
 * const model = await loadModel("model.onnx");
 * const dataset = await openDataset("validation");
 * const options = { dataset, metrics: [accuracy()] };
 * const drops = [0.001, 0.01];
 * const entries = await sweepQuantization(runtime, model, drops, options);
 * const rows = await Promise.all(entries.map(async ({ maximalDrop, result }) => {
 *   const outputName = "model.onnx";
 *   const report = await reportQuantization({ runtime, model, options, result, outputName });
 *   return { maximalDrop, folder: String(maximalDrop), report };
 * }));
 * const sweep = buildSweepReport(rows);
 * await Deno.writeTextFile("sweep.html", await renderSweepPage(sweep));
 * ```
 */
export async function renderSweepPage(sweep: SweepReport): Promise<string> {
  const { model, dataset, metric, baseline, quantized, networkEquivalents } = sweep;
  return await renderPage(
    model.name,
    html`
      <header>
        <p class="brand">Holdfast · sweep of maximal_drop</p>
        <h1>${model.name}</h1>
        <p
          class="verdict">${metric} on ${formatCount(dataset.samples)} samples of ${dataset.name}: float ${formatValue(
            baseline,
          )}, all in int8 ${formatValue(quantized)}; ${formatCount(networkEquivalents)} forward passes for all drops</p>
      </header>
      ${await sweepSection(sweep, undefined)}
    `,
  );
}

/** Plot and table of a sweep; `current` is the drop whose page it stands in, undefined for the page of the sweep itself. */
export async function sweepSection(sweep: SweepReport, current: number | null | undefined): Promise<Html> {
  const front = new Set(paretoFront(sweep.rows));
  const folder = current === undefined ? "" : "../";
  const columns: Column<SweepReportRow>[] = [
    {
      head: "Allowed",
      cell: ({ maximalDrop, model }) =>
        maximalDrop === current
          ? html`<strong>${maximalDrop}</strong>, this page`
          : html`<a href="${folder}${model.replace(/[^/]*$/, "report.html")}">${maximalDrop}</a>`,
    },
    { head: sweep.metric, isNumber: true, cell: ({ value }) => formatValue(value) },
    { head: "Drop", isNumber: true, cell: ({ drop }) => formatValue(drop) },
    { head: "Reached", cell: ({ reached }) => reached ? "yes" : "no" },
    { head: "In int8", isNumber: true, cell: ({ int8Macs }) => `${(100 * int8Macs).toFixed(1)} %` },
    { head: "Groups in float", isNumber: true, cell: ({ floatGroups }) => `${floatGroups} of ${sweep.groups}` },
    { head: "Size", isNumber: true, cell: ({ byteLength }) => formatBytes(byteLength) },
    { head: "Pareto front", cell: (row) => front.has(row) ? "yes" : "" },
  ];
  return html`
    <section>
      <h2>Allowed drops</h2>
      <p
        class="lead">What each allowed drop gives. The line is the Pareto front: no other drop gives as much int8 for as little. Hollow: the drop was not reached.</p>
      <figure>${new Html(await sweepPlot(sweep))}</figure>
      <div class="wide">${table(sweep.rows, columns, html`id="sweep"`)}</div>
    </section>
  `;
}
