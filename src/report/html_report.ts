/** report.html: one file that shows everything of a report, without network, and in its essentials without scripts. */
import { Html, html } from "./html.ts";
import { changedGroupTable, kindLegend, layerTable, meter, settingsTable, stepTable, tile } from "./html_parts.ts";
import { renderPage } from "./html_page.ts";
import { quoteCommand } from "./quote_command.ts";
import type { Report } from "./report.ts";
import { LARGEST_RANKING, networkPlot, sensitivityPlot, trajectoryPlot } from "./report_plots.ts";
import { sweepSection } from "./sweep_page.ts";
import type { SweepReport } from "./sweep_report.ts";
import { formatHoldout, formatValue, formatVerdict, formatVerified } from "./summary.ts";
import { formatBytes, formatCount, formatPlural, formatSeconds } from "./table.ts";

/**
 * The whole page. Scripts other than its own cannot run in it, nor can it load anything. `sweep` is the one that it is a part of.
 *
 * ```ts
 * import { accuracy, loadModel, openDataset, quantizeModel, renderHtmlReport, reportQuantization, Runtime } from "@holdfast/holdfast";
 *
 * using runtime = await Runtime.open();
 * const model = await loadModel("model.onnx");
 * const dataset = await openDataset("validation");
 * const options = { dataset, metrics: [accuracy()], accuracy: { maximalDrop: 0.01 } };
 * const result = await quantizeModel(runtime, model, options);
 * const report = await reportQuantization({ runtime, model, options, result, outputName: "model.int8.onnx" });
 * await Deno.writeTextFile("report.html", await renderHtmlReport(report));
 * ```
 */
export async function renderHtmlReport(report: Report, sweep?: SweepReport): Promise<string> {
  const plots = await drawPlots(report);
  return await renderPage(
    report.model.name,
    html`
      ${head(report)}
      ${tiles(report)}
      ${notices(report)}
      ${trajectories(report, plots.trajectories)}
      ${sweep && await sweepSection(sweep, report.maximalDrop)}
      ${changes(report)}
      ${sensitivity(report, plots.sensitivity)}
      ${layers(report, plots.network)}
      ${steps(report)}
      ${settings(report)}
    `,
  );
}

interface Plots {
  readonly trajectories: readonly (Html | undefined)[];
  readonly sensitivity: Html | undefined;
  readonly network: Html | undefined;
}

async function drawPlots(report: Report): Promise<Plots> {
  const markup = (svg: string | undefined) => svg === undefined ? undefined : new Html(svg);
  const trajectories = [];
  for (const metric of report.metrics) trajectories.push(markup(await trajectoryPlot(report, metric)));
  return {
    trajectories,
    sensitivity: markup(await sensitivityPlot(report)),
    network: markup(await networkPlot(report)),
  };
}

function head(report: Report): Html {
  const state = report.maximalDrop === null ? "done" : report.reached ? "reached" : "missed";
  const words = { done: "Quantized", reached: "Target reached", missed: "Target not reached" };
  return html`
    <header>
      <p class="brand">Holdfast ${report.versions.holdfast ?? ""} · ${report.algorithm}</p>
      <h1>${report.model.name}</h1>
      <p class="verdict"><span class="badge ${state}">${words[state]}</span> ${formatVerdict(report)}</p>
    </header>
  `;
}

function tiles(report: Report): Html {
  const { model, output, int8Macs, metrics, cost, adapter, seconds } = report;
  const total = Object.values(seconds).reduce((sum, value) => sum + value, 0);
  // What an earlier run had measured cost nothing: there is nothing to compare then.
  const saved = cost.reused > 0 && cost.networkEquivalents < 1
    ? 0
    : cost.potNetworkEquivalents / cost.networkEquivalents;
  const size = output.byteLength / Math.max(1, model.byteLength);
  return html`<section class="tiles">
${
    metrics.map((metric) =>
      tile(
        metric.name,
        formatValue(metric.final),
        html`float ${formatValue(metric.baseline)}, all in int8 ${formatValue(metric.quantized)}<br>drop ${
          formatValue(metric.drop)
        } of ${metric.threshold === null ? "any" : formatValue(metric.threshold)} allowed${
          metric.standardError === null ? "" : ` (± ${formatValue(metric.standardError)})`
        }`,
      )
    )
  }
${tile("In int8", `${(100 * int8Macs).toFixed(1)} %`, html`${meter(int8Macs)}of the multiply-accumulates`)}
${
    tile(
      "File size",
      `${(100 * size).toFixed(0)} %`,
      html`${meter(size)}${formatBytes(model.byteLength)} → ${formatBytes(output.byteLength)}`,
    )
  }
${
    tile(
      "Cost",
      formatSeconds(total),
      html`${formatCount(cost.networkEquivalents)} forward passes${
        report.maximalDrop === null ? "" : `; POT’s loop: ${formatCount(cost.potNetworkEquivalents)}` +
          (saved >= 1.05 ? ` (${saved.toFixed(1)} × as many)` : "")
      }<br>${adapter.description}${adapter.isSoftware ? " (software)" : ""}`,
    )
  }
</section>`;
}

function notices(report: Report): Html {
  const notice = (kind: string, text: string) => html`<p class="notice"><strong>${kind}</strong> ${text}</p>`;
  const good = (kind: string, text: string) => html`<p class="notice good"><strong>${kind}</strong> ${text}</p>`;
  return html`${[
    ...formatHoldout(report).map((text) =>
      report.holdout?.holds ? good("Confirmed", text) : notice("Not confirmed", text)
    ),
    ...formatVerified(report).map((text) => good("Verified", text)),
    ...report.warnings.map((text) => notice("Warning", text)),
    ...report.notes.map((text) => notice("Note", text)),
  ]}`;
}

function trajectories(report: Report, plots: Plots["trajectories"]): HtmlOrNothing {
  if (plots.every((plot) => plot === undefined)) return undefined;
  return html`<section>
<h2>Accuracy on the way</h2>
<p class="lead">Every state of the network that was evaluated on all ${
    formatCount(report.dataset.samples)
  } samples. Filled: kept; hollow: undone.
<span class="key int8">all groups</span> <span class="key mended">other parameters for a group</span> <span class="key reverted">a group back in float</span></p>
${plots.map((plot) => plot && html`<figure>${plot}</figure>`)}
</section>`;
}

type HtmlOrNothing = Html | undefined;

function changes(report: Report): HtmlOrNothing {
  const table = changedGroupTable(report);
  return table && html`<section><h2>Groups that differ from the rest</h2>${table}</section>`;
}

function sensitivity(report: Report, plot: HtmlOrNothing): HtmlOrNothing {
  const rankings = report.trace.flatMap(({ ranking }) => ranking ?? []);
  const [first] = rankings;
  if (!plot || !first) return undefined;
  const shown = Math.min(first.scores.length, LARGEST_RANKING);
  return html`<section>
<h2>Sensitivity</h2>
<p class="lead">${
    rankings.length > 1 ? `The first of ${rankings.length} rankings: what` : "What"
  } ${first.metric} gains on the ${
    formatCount(first.samples)
  } samples that int8 hurt most when one group alone computes in float, above the group that gains least. ${
    shown < first.scores.length ? `The first ${shown} of ${formatPlural(first.scores.length, "group")}.` : ""
  } Colours tell where each group ended.</p>
${kindLegend(report)}
<figure>${plot}</figure>
</section>`;
}

function layers(report: Report, plot: HtmlOrNothing): HtmlOrNothing {
  if (report.layers.length === 0) return undefined;
  return html`<section>
<h2>Layers</h2>
${plot && html`${kindLegend(report)}<figure>${plot}</figure>`}
${layerLead(report)}
${layerTable(report)}
</section>`;
}

/** What the measured columns mean, as far as there are any. */
function layerLead({ layers, batchSize, adapter }: Report): HtmlOrNothing {
  const hasNoise = layers.some(({ sqnr }) => sqnr !== null);
  const hasTimes = layers.some(({ time }) => time !== null);
  if (!hasNoise && !hasTimes) return undefined;
  return html`<p class="lead">${
    hasNoise
      ? "SQNR: signal to quantization noise of a layer’s output, with what reaches it from the layers before. Weights: the same of its weights. "
      : ""
  }${
    hasTimes
      ? `Time: of a batch of ${batchSize} on ${adapter.description}, where int8 is emulated; no time: computed in the kernel of a layer before.`
      : ""
  }</p>`;
}

function steps(report: Report): HtmlOrNothing {
  if (report.trace.length === 0) return undefined;
  return html`<section><h2>Steps</h2>${stepTable(report)}</section>`;
}

function settings(report: Report): Html {
  const { command } = report;
  return html`<section>
<h2>Settings</h2>
${
    command && html`<p class="lead">The same again, from the project’s folder:</p>
<pre><code>${quoteCommand(["deno", "run", "-A", "cli.ts", ...command])}</code></pre>`
  }
${settingsTable(report)}
</section>`;
}
