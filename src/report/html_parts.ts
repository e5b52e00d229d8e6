/** Tables, tiles and keys of report.html. */
import { Html, html, type HtmlPart } from "./html.ts";
import { kindOf, KINDS } from "./precision_kind.ts";
import type { ReportedLayer } from "./layers.ts";
import type { Report, ReportedGroup, ReportedStep } from "./report.ts";
import { formatAction, formatValue } from "./summary.ts";
import { formatCount, formatSeconds } from "./table.ts";

/** A figure of the summary: what, how much, and a remark. */
export function tile(what: string, value: string, remark: Html): Html {
  return html`
    <div class="tile">
      <h3>${what}</h3>
      <p class="value">${value}</p>
      <p>${remark}</p>
    </div>
  `;
}

/** A bar of a share from 0 to 1; more than 1 is full. */
export function meter(share: number): Html {
  const percent = (100 * Math.min(1, Math.max(0, share))).toFixed(1);
  return html`<span class="meter"><span style="width:${percent}%"></span></span>`;
}

/** What the colours mean. */
export function kindLegend(): Html {
  return html`<p class="legend">${
    Object.entries(KINDS).map(([kind, { name }]) =>
      html`
        <span class="key ${kind}">${name}</span>
      `
    )
  }</p>`;
}

/** A column: its head, and a cell of each row with the number to sort by where the text does not sort. */
interface Column<T> {
  readonly head: string;
  readonly isNumber?: boolean;
  readonly cell: (row: T) => HtmlPart;
  readonly order?: (row: T) => number;
}

function table<T>(rows: readonly T[], columns: readonly Column<T>[], attributes: Html): Html {
  const kind = ({ isNumber }: Column<T>) => isNumber ? new Html(` class="number"`) : null;
  const order = ({ order }: Column<T>, row: T) => order ? new Html(` data-order="${order(row)}"`) : null;
  return html`
    <table ${attributes}>
      <thead>
        <tr>${columns.map((column) => html`<th${kind(column)}>${column.head}</th>`)}</tr>
      </thead>
      <tbody>
    ${rows.map((row) =>
      html`<tr>${columns.map((column) => html`<td${kind(column)}${order(column, row)}>${column.cell(row)}</td>`)}</tr>`
    )}</tbody>
    </table>
  `;
}

/** Every layer; the page's script makes it sortable and searchable. */
export function layerTable(report: Report): Html {
  const total = Math.max(1, report.layers.reduce((sum, { macs }) => sum + macs, 0));
  const hasRatios = report.layers.some(({ weightSnr }) => weightSnr !== null);
  const columns: Column<ReportedLayer>[] = [
    { head: "Layer", cell: ({ name }) => name },
    { head: "Operator", cell: ({ type }) => type },
    {
      head: "MACs",
      isNumber: true,
      cell: ({ macs }) => macs === 0 ? "" : formatCount(macs),
      order: ({ macs }) => macs,
    },
    {
      head: "Share",
      isNumber: true,
      cell: ({ macs }) => macs === 0 ? "" : `${(100 * macs / total).toFixed(1)} %`,
      order: ({ macs }) => macs,
    },
    {
      head: "Parameters",
      isNumber: true,
      cell: ({ parameters }) => parameters === 0 ? "" : formatCount(parameters),
      order: ({ parameters }) => parameters,
    },
    {
      head: "Precision",
      cell: (layer) => html`${precisionCell(layer, report)} ${report.skipped[layer.name]}`,
    },
    ...(hasRatios
      ? [{
        head: "Weight SNR",
        isNumber: true,
        cell: ({ weightSnr }: ReportedLayer) => weightSnr === null ? "" : `${weightSnr.toFixed(1)} dB`,
        order: ({ weightSnr }: ReportedLayer) => weightSnr ?? -1,
      }]
      : []),
    { head: "Group", cell: ({ group, name }) => group === name ? "" : group },
  ];
  return html`
    <p class="tools"
      hidden><label>Search <input type="search" id="search" autocomplete="off"></label> <span id="found"></span></p>
    <div class="wide">${table(report.layers, columns, new Html(`id="layers" class="sortable"`))}</div>
  `;
}

/** What a layer or group ended in: `float`, or `int8 (mixed)`. */
function precisionCell(one: Pick<ReportedGroup, "isReverted" | "precision">, report: Report): Html {
  const text = one.precision === "float" ? one.precision : `int8 (${one.precision})`;
  return html`<span class="key ${kindOf(one, report)}">${text}</span>`;
}

/** Groups in float or with other parameters than the rest; undefined where there are none. */
export function changedGroupTable(report: Report): Html | undefined {
  const [usual] = report.candidates;
  const groups = report.groups.filter(({ isReverted, precision }) => isReverted || precision !== usual);
  if (groups.length === 0) return undefined;
  const columns: Column<ReportedGroup>[] = [
    { head: "Group", cell: ({ name }) => name },
    { head: "Precision", cell: (group) => precisionCell(group, report) },
    { head: "MACs", isNumber: true, cell: ({ macs }) => `${(100 * macs).toFixed(1)} %` },
    ...report.metrics.map(({ name }) => ({
      head: `Won back of ${name}`,
      isNumber: true,
      cell: ({ bought }: ReportedGroup) => formatValue(bought?.[name]),
    })),
    { head: "Layers", cell: ({ nodes }) => nodes.join(", ") },
  ];
  return html`<div class="wide">${table(groups, columns, new Html(`id="changes"`))}</div>`;
}

/** Every step of the loop. */
export function stepTable({ trace, metric }: Report): Html {
  const columns: Column<ReportedStep>[] = [
    { head: "Step", cell: (step) => formatAction(step) },
    { head: metric, isNumber: true, cell: ({ value }) => value === null ? "" : formatValue(value) },
    { head: "Drop", isNumber: true, cell: ({ drop }) => drop === null ? "" : formatValue(drop) },
    { head: "Kept", cell: ({ kept, ranking }) => ranking ? "" : kept ? "yes" : "undone" },
    { head: "Why", cell: explain },
    { head: "Passes", isNumber: true, cell: ({ networkEquivalents }) => formatCount(networkEquivalents) },
    { head: "Time", isNumber: true, cell: ({ seconds }) => formatSeconds(seconds) },
  ];
  return html`<div class="wide">${table(trace, columns, new Html(`id="steps"`))}</div>`;
}

function explain({ ranking, explanation }: ReportedStep): string {
  if (!ranking) return explanation;
  return `${formatCount(ranking.scores.length)} groups on ${formatCount(ranking.samples)} samples`;
}

/** Data, adapter, options and versions. */
export function settingsTable(report: Report): Html {
  const { model, output, dataset, calibration, adapter, seconds, versions, options, quantization, batchSize } = report;
  const rows: (readonly [string, HtmlPart])[] = [
    ["Model", html`${model.name}, ${formatCount(model.byteLength)} bytes, SHA-256 <code>${model.sha256}</code>`],
    ["Written", html`${output.name}, ${formatCount(output.byteLength)} bytes, SHA-256 <code>${output.sha256}</code>`],
    ["Validated on", datasetText(dataset)],
    ["Calibrated on", datasetText(calibration)],
    [
      "Adapter",
      `${adapter.description}${adapter.isSoftware ? " (software)" : ""}${
        adapter.architecture ? `, ${adapter.architecture}` : ""
      }`,
    ],
    ["Batch size", batchSize],
    ["Time", Object.entries(seconds).map(([phase, value]) => `${phase} ${formatSeconds(value)}`).join(", ")],
    ["Versions", Object.entries(versions).map(([name, version]) => `${name} ${version}`).join(", ")],
    ...optionRows("", options),
    ...optionRows("", quantization),
  ];
  return html`
    <div class="wide">
      <table class="settings">
        <tbody>
    ${rows.map(([name, value]) =>
      html`
        <tr>
          <th scope="row">${name}</th>
          <td>${value}</td>
        </tr>
      `
    )}</tbody>
      </table>
    </div>
  `;
}

function datasetText({ name, samples, sha256 }: Report["dataset"]): Html {
  return html`${formatCount(samples)} samples of ${name}, SHA-256 <code>${sha256}</code>`;
}

/** Options under their keys; what is not set, and lists that are empty, are left out. */
function optionRows(prefix: string, value: unknown): (readonly [string, string])[] {
  if (typeof value !== "object" || value === null) return [];
  return Object.entries(value).flatMap(([key, one]: [string, unknown]) => {
    if (one === null || one === undefined || (Array.isArray(one) && one.length === 0)) return [];
    if (typeof one === "object" && !Array.isArray(one)) return optionRows(`${prefix}${key}.`, one);
    return [[
      `${prefix}${key}`,
      one === Infinity ? "unlimited" : Array.isArray(one) ? JSON.stringify(one) : String(one),
    ]];
  });
}
