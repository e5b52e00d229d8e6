/** Tables, tiles and keys of report.html. */
import { Html, html, type HtmlPart } from "./html.ts";
import { kindOf, KINDS, usualCandidate } from "./precision_kind.ts";
import type { ReportedLayer } from "./layers.ts";
import type { Report, ReportedGroup } from "./report.ts";
import type { ReportedStep } from "./steps.ts";
import { formatAction, formatValue } from "./summary.ts";
import { formatCount, formatSeconds } from "./table.ts";

/** Layers of a group that its row lists at once. */
const LISTED_LAYERS = 3;

/** A node's name, which may break into lines where it has levels. */
function nodeName(name: string): Html {
  return html`${
    name.split(/(?<=[^/.][/.])(?=[^/.])/).map((part, index) => index === 0 ? part : [new Html("<wbr>"), part])
  }`;
}

/** Names of nodes; many of them are folded. */
function nodeNames(names: readonly string[]): Html {
  const list = html`${names.map((name, index) => index === 0 ? nodeName(name) : [", ", nodeName(name)])}`;
  if (names.length <= LISTED_LAYERS) return list;
  return html`<details><summary>${names.length} layers</summary>${list}</details>`;
}

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

/** What the colours mean, those that occur. */
export function kindLegend(report: Report): Html {
  const used = new Set<string>([...report.groups, ...report.layers].map((one) => kindOf(one, report)));
  const usual = usualCandidate(report);
  const kinds = Object.entries(KINDS).filter(([kind]) => used.has(kind));
  return html`<p class="legend">${
    kinds.map(([kind, { name }]) =>
      html`
        <span class="key ${kind}">${name}${kind === "int8" ? ` (${usual})` : ""}</span>
      `
    )
  }</p>`;
}

/** A column: its head, and a cell of each row with the number to sort by where the text does not sort; rows without one come last. */
export interface Column<T> {
  readonly head: string;
  /** What the head means, where it is not plain. */
  readonly title?: string;
  readonly isNumber?: boolean;
  readonly cell: (row: T) => HtmlPart;
  readonly order?: (row: T) => number | null;
}

/** A table of `rows`. */
export function table<T>(rows: readonly T[], columns: readonly Column<T>[], attributes: Html): Html {
  const kind = ({ isNumber }: Column<T>) => isNumber ? new Html(` class="number"`) : null;
  const title = ({ title }: Column<T>) =>
    title === undefined ? null : html`
      title="${title}"
    `;
  const order = ({ order }: Column<T>, row: T) => {
    const number = order?.(row) ?? null;
    return number === null ? null : new Html(` data-order="${number}"`);
  };
  return html`
    <table ${attributes}>
      <thead>
        <tr>${columns.map((column) =>
          html`
            <th scope="col" ${kind(column)}${title(column)}>${column.head}</th>
          `
        )}</tr>
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
  const { layers } = report;
  const total = Math.max(1, layers.reduce((sum, { macs }) => sum + macs, 0));
  const columns: Column<ReportedLayer>[] = [
    {
      head: "Layer",
      cell: ({ name, group }) =>
        group === null || group === name
          ? nodeName(name)
          : html`${nodeName(name)}<span class="aside"> with ${nodeName(group)}</span>`,
    },
    { head: "Operator", cell: ({ type }) => type },
    numberColumn("MACs", ({ macs }) => macs || null, formatCount),
    numberColumn("Share", ({ macs }) => macs || null, (macs) => `${(100 * macs / total).toFixed(1)} %`),
    numberColumn("Parameters", ({ parameters }) => parameters || null, formatCount),
    {
      head: "Precision",
      cell: (layer) => html`${precisionCell(layer, report)} ${report.skipped[layer.name]}`,
    },
    {
      ...numberColumn("SQNR", ({ sqnr }: ReportedLayer) => sqnr, formatDecibels),
      title: "Signal to quantization noise of the layer's output, with what reaches it from the layers before",
    },
    {
      ...numberColumn("Weights", ({ weightSnr }: ReportedLayer) => weightSnr, formatDecibels),
      title: "Signal to quantization noise of the layer's weights",
    },
    numberColumn("Time", ({ time }) => time && time.final, formatMilliseconds),
    numberColumn("In float", ({ time }) => time && time.float, formatMilliseconds),
  ];
  const used = columns.filter(({ order }) => !order || layers.some((layer) => order(layer) !== null));
  return html`
    <p class="tools"
      hidden><label>Search <input type="search" id="search" autocomplete="off"></label> <span id="found"></span></p>
    <div class="wide">${table(layers, used, new Html(`id="layers" class="sortable"`))}</div>
  `;
}

/** A column of numbers that some layers do not have. */
function numberColumn(
  head: string,
  order: (layer: ReportedLayer) => number | null,
  format: (value: number) => string,
): Column<ReportedLayer> {
  const cell = (layer: ReportedLayer) => {
    const value = order(layer);
    return value === null ? "" : format(value);
  };
  return { head, isNumber: true, cell, order };
}

function formatDecibels(ratio: number): string {
  return `${ratio.toFixed(1)} dB`;
}

function formatMilliseconds(microseconds: number): string {
  return `${(microseconds / 1000).toFixed(microseconds < 9995 ? 2 : 1)} ms`;
}

/** What a layer or group ended in: `float`, or `int8` with the candidate where it is not the usual one, which the legend names. */
function precisionCell(one: Pick<ReportedGroup, "isReverted" | "precision">, report: Report): Html {
  const kind = kindOf(one, report);
  if (one.precision === "float") return html`<span class="key ${kind}">float</span>`;
  if (one.precision === usualCandidate(report)) return html`<span class="key ${kind}">int8</span>`;
  return html`<span class="key ${kind}">int8 <span class="aside">${one.precision}</span></span>`;
}

/** Groups in float or with other parameters than the rest; undefined where there are none. */
export function changedGroupTable(report: Report): Html | undefined {
  const usual = usualCandidate(report);
  const groups = report.groups.filter(({ isReverted, precision }) => isReverted || precision !== usual);
  if (groups.length === 0) return undefined;
  const columns: Column<ReportedGroup>[] = [
    { head: "Group", cell: ({ name }) => nodeName(name) },
    { head: "Precision", cell: (group) => precisionCell(group, report) },
    { head: "MACs", isNumber: true, cell: ({ macs }) => `${(100 * macs).toFixed(1)} %` },
    ...report.metrics.map(({ name }) => ({
      head: `Won back of ${name}`,
      isNumber: true,
      cell: ({ bought }: ReportedGroup) => formatValue(bought?.[name]),
    })),
    { head: "Layers", cell: ({ nodes }) => nodeNames(nodes) },
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
