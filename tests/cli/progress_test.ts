/** What people see while something runs, in pipes and on terminals. */
import assert from "node:assert/strict";
import { join } from "node:path";
import { Progress } from "../../src/cli/progress.ts";
import { QuantizationProgress } from "../../src/cli/quantization_progress.ts";
import type { LiveRow, Terminal } from "../../src/cli/terminal.ts";
import { classifier, fileOf, labelledSamples } from "../fixtures/classifier.ts";
import { openTestGpu } from "../support/adapter.ts";

const gpu = await openTestGpu();
const hasAdapter = gpu !== undefined;
gpu?.destroy();
const CLI = new URL("../../cli.ts", import.meta.url).pathname;

/** A terminal that remembers, and a clock that stands still until it is set. */
function recorder(isLive: boolean) {
  const lines: string[] = [];
  const shown: (readonly LiveRow[])[] = [];
  const terminal: Terminal = {
    isLive,
    print: (line) => lines.push(line),
    say: (line) => lines.push(line),
    showLive: (rows) => void shown.push(rows),
  };
  return { lines, shown, terminal, clock: { ms: 0 } };
}

Deno.test("Progress.show() tells speed and remaining time of a pass, anew for every pass", () => {
  const { shown, terminal, clock } = recorder(true);
  const progress = new Progress(terminal, () => clock.ms);
  progress.begin("Evaluating");
  progress.show(0, 400);
  clock.ms = 2000;
  progress.show(100, 400);
  clock.ms = 10_000;
  progress.show(0, 50);
  clock.ms = 11_000;
  progress.show(25, 50);
  assert.deepEqual(shown.map(([row]) => `${row!.progress} ${row!.text}`), [
    "0 ",
    "0 0 of 400 samples",
    "0.25 100 of 400 samples, 50/s, 6.0 s left",
    "0 0 of 50 samples",
    "0.5 25 of 50 samples, 25/s, 1.0 s left",
  ]);
});

Deno.test("Progress.show() tells the remaining time of all parts, and never goes back", () => {
  const { shown, terminal, clock } = recorder(true);
  const progress = new Progress(terminal, () => clock.ms);
  const shares: number[] = [];
  for (const number of [1, 2, 3]) {
    progress.begin("Calibrating", { number, count: 3 });
    for (const done of [10, 20, 10, 20]) {
      clock.ms += 1000;
      progress.show(done, 20);
      shares.push(shown.at(-1)![0]!.progress);
    }
  }
  assert.deepEqual(shares, shares.toSorted((a, b) => a - b));
  assert.ok(shares[0]! > 0 && shares.at(-1)! < 1);
  const [half] = shown.filter(([row]) => row!.progress === 0.5);
  assert.equal(half?.[0]?.text, "", "the first part is half of all");
  assert.match(shown.at(-1)![0]!.text, /^20 of 20 samples, 20\/s, 0\.\d s left$/);
});

Deno.test("Progress.show() says a line a minute where nobody sees bars", () => {
  const { lines, terminal, clock } = recorder(false);
  const progress = new Progress(terminal, () => clock.ms);
  progress.begin("Ranking 34 groups");
  progress.show(0, 3000);
  for (clock.ms = 10_000; clock.ms <= 130_000; clock.ms += 10_000) progress.show(clock.ms / 100, 3000);
  assert.deepEqual(lines, [
    "  … Ranking 34 groups: 700 of 3,000 samples, 10/s, 3 min 50 s left",
  ]);
});

Deno.test("QuantizationProgress.hear() shows every drop against what is allowed", () => {
  const { lines, shown, terminal } = recorder(true);
  const progress = new QuantizationProgress(terminal, "accuracy");
  const target = { name: "accuracy", direction: "higher_better", baseline: 0.9, threshold: 0.01, scale: 1 } as const;
  const spent = { evaluations: 1, samples: 50, reused: 0, networkEquivalents: 50, seconds: 2 };
  const state = { assignment: [], kept: true, ...spent };
  progress.hear({ kind: "candidate", label: "performance", number: 1, count: 2 });
  progress.hear({ kind: "candidate", label: "mixed", number: 2, count: 2 });
  progress.hear({ kind: "phase", phase: "accuracy" });
  lines.pop();
  progress.hear({ kind: "groups", names: ["first", "second"] });
  progress.hear({ kind: "targets", targets: [target] });
  progress.hear({ kind: "begin", action: "quantize", groups: [] });
  assert.equal(shown.at(-1)!.length, 1, "there is no drop yet");
  const first = { action: "quantize", values: { accuracy: 0.86 }, drops: { accuracy: 0.04 }, reason: "first_state" };
  progress.hear({ kind: "step", group: undefined, step: { ...state, ...first } as never });
  progress.hear({ kind: "begin", action: "revert", groups: ["second"] });
  assert.deepEqual(shown.at(-1), [
    { name: "Reverting second", progress: 0, text: "" },
    { name: "Drop of accuracy", progress: 1, mark: 0.25, text: "0.040 of 0.010 allowed" },
  ]);
  const second = { action: "revert", values: { accuracy: 0.88 }, drops: { accuracy: 0.02 }, reason: "better" };
  progress.hear({ kind: "step", group: "second", step: { ...state, ...second, group: 1 } as never });
  progress.hear({ kind: "progress", done: 1, total: 2 });
  const [, drop] = shown.at(-1)!;
  assert.deepEqual([drop?.progress, drop?.text], [0.5, "0.020 of 0.010 allowed, 1 of 2 groups in float"]);
  const third = { action: "try", values: { accuracy: 0.85 }, drops: { accuracy: 0.05 }, reason: "not_better" };
  progress.hear({
    kind: "step",
    group: undefined,
    step: { ...state, ...third, kept: false, assignment: [-1, 1] } as never,
  });
  assert.deepEqual(lines.splice(0, 2).map((line) => line.replace(/[\d.]+ s/, "0 s")), [
    "  performance (0 s)",
    "  mixed (0 s)",
  ]);
  assert.deepEqual(lines, [
    "  2 groups",
    "  all groups in int8: accuracy 0.860, drop 0.040 of 0.010 allowed, kept: the state to start from (2.0 s, 25 samples/s)",
    "  float for second: accuracy 0.880, drop 0.020 of 0.010 allowed, kept: the drop is smaller than before (2.0 s, 25 samples/s)",
    "  all groups with mixed: accuracy 0.850, drop 0.050 of 0.010 allowed, undone: the drop is not smaller than before (2.0 s, 25 samples/s)",
  ]);
});

Deno.test({
  name: "quantize draws bars on a terminal and leaves none behind",
  ignore: !hasAdapter || !(await hasScript()),
  async fn() {
    const folder = await Deno.makeTempDir();
    try {
      await Deno.writeFile(join(folder, "model.onnx"), fileOf(classifier()));
      for (const [name, bytes] of Object.entries(labelledSamples(40))) {
        await Deno.writeFile(join(folder, name), bytes);
      }
      const command = [Deno.execPath(), "run", "-A", "--quiet", CLI, "quantize", `${folder}/model.onnx`];
      const options = ["--dataset", folder, "--output", `${folder}/out`, "--maximal-drop", "0"];
      const { code, stdout } = await new Deno.Command("script", {
        args: ["-qec", [...command, ...options].join(" "), "/dev/null"],
        env: { NO_COLOR: "1" },
        stdin: "null",
      }).output();
      const text = new TextDecoder().decode(stdout);
      assert.ok(code === 0 || code === 3, text);
      for (const part of ["Calibrating 1 of ", "Float network", "Drop of accuracy", "░░", "┃"]) {
        assert.ok(text.includes(part), `no "${part}" in ${text}`);
      }
      // Cursor hidden and shown, wrapping off and on again: nothing of it is left switched.
      for (const [off, on] of [["\x1b[?25l", "\x1b[?25h"], ["\x1b[?7l", "\x1b[?7h"]] as const) {
        assert.equal(text.split(off).length, text.split(on).length);
        assert.ok(text.lastIndexOf(on) > text.lastIndexOf(off));
      }
      const end = text.slice(text.lastIndexOf("\x1b[?25h"));
      assert.ok(end.includes("\x1b[0J"), "the rows are wiped");
      assert.ok(!end.includes("░") && end.includes("In int8"), end);
    } finally {
      await Deno.remove(folder, { recursive: true });
    }
  },
});

/** Whether util-linux's `script`, which gives a command a terminal, is there. */
async function hasScript(): Promise<boolean> {
  const found = await new Deno.Command("sh", { args: ["-c", "script --version"] }).output();
  if (!found.success) console.error("SKIPPED: no script of util-linux, which progress on a terminal is tested with");
  return found.success;
}
