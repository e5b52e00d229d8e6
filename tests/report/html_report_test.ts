import assert from "node:assert/strict";
import { escapeHtml, html } from "../../src/report/html.ts";
import { renderHtmlReport } from "../../src/report/html_report.ts";
import { quoteCommand } from "../../src/report/quote_command.ts";
import { findChromium, loadPage } from "../support/chromium.ts";
import { HOSTILE, SAMPLE_REPORT } from "./sample_report.ts";

const browser = await findChromium();

function count(text: string, pattern: RegExp): number {
  return [...text.matchAll(pattern)].length;
}

Deno.test("html() escapes values in text and attributes, and only those", () => {
  assert.equal(html`<p title="${`"'<&>`}">${"<b>"}</p>`.text, `<p title="&quot;&#39;&lt;&amp;&gt;">&lt;b&gt;</p>`);
  assert.equal(html`${[html`<i>${1}</i>`, "<", null, undefined]}`.text, "<i>1</i>&lt;");
});

Deno.test("escapeHtml() replaces characters that deceive or break", () => {
  assert.equal(escapeHtml("a\u0000b\u202ec\u2066d\ud800e\tf\n"), "a\ufffdb\ufffdc\ufffdd\ufffde\tf\n");
});

Deno.test("quoteCommand() gives a line that the shell splits as it was", async () => {
  const args = ["plain", "it's", "a b", "$HOME", "*", "", "--x=1,2", `"q"`, "ü"];
  const line = quoteCommand(["printf", "%s\\n", ...args]);
  const { stdout } = await new Deno.Command("sh", { args: ["-c", line] }).output();
  assert.deepEqual(new TextDecoder().decode(stdout).split("\n").slice(0, -1), args);
});

Deno.test("renderHtmlReport() lets no name become markup", async () => {
  const page = await renderHtmlReport(SAMPLE_REPORT);
  assert.equal(count(page, /<script/g), 1, "its own script alone");
  assert.equal(count(page, /<img/g), 0);
  assert.equal(count(page, /\u202e/g), 0);
  assert.ok(page.includes(escapeHtml(HOSTILE)));
});

Deno.test("renderHtmlReport() gives a page that loads nothing", async () => {
  const page = await renderHtmlReport(SAMPLE_REPORT);
  assert.match(page, /content="default-src &#39;none&#39;|content="default-src 'none'/);
  assert.equal(count(page, /\s(src|href)="|url\((?!#)|@import/g), 0);
  const addresses = [...page.matchAll(/https?:\/\/[^"' ]+/g)].map(([address]) => address);
  assert.deepEqual([...new Set(addresses)].filter((address) => !address.startsWith("http://www.w3.org/")), []);
});

Deno.test("renderHtmlReport() shows the essentials without scripts", async () => {
  const page = await renderHtmlReport(SAMPLE_REPORT);
  for (
    const part of [
      "Target reached",
      "drop 0.005",
      "80.0 %",
      "25 %",
      "allowed 0.940",
      "float 0.950",
      "deno run -A cli.ts quantize &#39;it&#39;\\&#39;&#39;s a model.onnx&#39; --dataset data",
      "41.3 dB",
      "33.3 dB",
      "2.35 ms",
      "1.23 ms",
      "outputs feed nothing",
      `int8 <span class="aside">mixed</span>`,
      "1.8 × as many",
      "tryFirst",
      "weights.bits",
      "Not confirmed</strong> On 40 samples never used for decisions accuracy is 0.900 (float 0.925",
    ]
  ) assert.ok(page.includes(part), `no "${part}"`);
  assert.equal(count(page, /<svg/g), 4, "two trajectories, sensitivity, network");
  assert.equal(count(page, /<td class="number" data-order="5000">5,000<\/td>/g), 1);
});

Deno.test("renderHtmlReport() keeps the labels of the float network and of the target apart however close they are", async () => {
  const [first] = SAMPLE_REPORT.metrics;
  for (const direction of ["higher_better", "lower_better"] as const) {
    const metrics = [{ ...first!, threshold: 0.0001, direction }];
    const page = await renderHtmlReport({ ...SAMPLE_REPORT, metrics });
    const heightOf = (label: string) => {
      const [, height] = new RegExp(`translate\\([-\\d.]+,([-\\d.]+)\\)"[^>]*>${label}`).exec(page) ?? [];
      return Number(height);
    };
    const gap = heightOf("allowed ") - heightOf("float ");
    assert.ok(direction === "higher_better" ? gap > 12 : gap < -12, `${direction}: ${gap}`);
  }
});

Deno.test("renderHtmlReport() folds long lists of layers, and breaks and cuts long names where they are alike", async () => {
  const [first, second, third] = SAMPLE_REPORT.groups;
  const long = `/backbone/stages/${"block/".repeat(8)}conv/Conv`;
  const nodes = Array.from({ length: 12 }, (_, index) => `node${index}`);
  const ranking = { metric: "accuracy", samples: 50, scores: [{ group: long, score: 0.9 }] };
  const page = await renderHtmlReport({
    ...SAMPLE_REPORT,
    groups: [first!, second!, { ...third!, name: long, nodes }],
    trace: SAMPLE_REPORT.trace.map((step) => step.ranking ? { ...step, ranking } : step),
  });
  assert.ok(page.includes("<summary>12 layers</summary>node0, node1"));
  assert.ok(page.includes("/backbone/<wbr>stages/<wbr>block/"));
  assert.ok(page.includes(`>…${long.slice(-39)}<`), "beside its bar the end of the name");
});

Deno.test("renderHtmlReport() says when the target was missed, or when there was none", async () => {
  const missed = await renderHtmlReport({ ...SAMPLE_REPORT, reached: false });
  assert.ok(missed.includes("Target not reached"));
  const none = await renderHtmlReport({ ...SAMPLE_REPORT, maximalDrop: null, trace: [], layers: [], groups: [] });
  assert.ok(!none.includes("Target"));
  assert.equal(count(none, /<svg/g), 0);
});

Deno.test({
  name: "renderHtmlReport() gives a page that Chromium shows without errors, its script allowed by its own policy",
  ignore: browser === undefined,
  fn: async () => {
    const { dom, console } = await show(await renderHtmlReport(SAMPLE_REPORT));
    assert.deepEqual(console, []);
    assert.match(dom, /<p class="tools">/, "the script showed the search");
    assert.equal(count(dom, /<th[^>]*><button/g), 10, "a button in every head of the table of layers");
    assert.ok(!dom.includes("\\n"), "no escape left over");
    assert.equal(count(dom, /<svg/g), 4);
    assert.match(dom, /<title>float for .*, kept: /, "marks have titles");
  },
});

Deno.test({
  name: "the script of report.html sorts by a column and finds words",
  ignore: browser === undefined,
  fn: async () => {
    const page = await renderHtmlReport(SAMPLE_REPORT);
    const steps = `{
      const names = () => [...document.querySelectorAll("#layers tbody tr")].filter((row) => !row.hidden)
        .map((row) => row.cells[0].firstChild.textContent.slice(0, 7)).join(" ");
      const out = [];
      const head = (text) => [...document.querySelectorAll("#layers th button")].find((one) => one.textContent === text);
      head("Parameters").click(); out.push(names());
      head("Parameters").click(); out.push(names());
      head("Operator").click(); out.push(names());
      head("SQNR").click(); out.push(names());
      head("SQNR").click(); out.push(names());
      const search = document.getElementById("search");
      search.value = "INT8 conv2"; search.dispatchEvent(new Event("input")); out.push(names());
      document.title = out.join("|") + "|" + document.getElementById("found").textContent; }`;
    const free = page.replace(/<meta http-equiv="Content-Security-Policy"[^>]*>/, "");
    const { dom } = await show(free.replace("</body>", `<script>${steps}</script></body>`));
    const [, title] = /<title>([^<]*)<\/title>/.exec(dom) ?? [];
    const hostile = escapeHtml(HOSTILE.slice(0, 7)).replaceAll("&quot;", `"`);
    // Layers without a number come last either way.
    assert.deepEqual(title?.split("|"), [
      `conv2 conv1 ${hostile} relu1 softmax`,
      `${hostile} conv1 conv2 relu1 softmax`,
      `conv1 conv2 ${hostile} relu1 softmax`,
      `conv1 conv2 ${hostile} relu1 softmax`,
      `conv2 conv1 ${hostile} relu1 softmax`,
      "conv2",
      "1 of 5",
    ]);
  },
});

async function show(page: string): Promise<{ dom: string; console: readonly string[] }> {
  const file = await Deno.makeTempFile({ suffix: ".html" });
  try {
    await Deno.writeTextFile(file, page);
    return await loadPage(browser!, `file://${file}`);
  } finally {
    await Deno.remove(file);
  }
}
