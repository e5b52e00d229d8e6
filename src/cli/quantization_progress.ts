/** What people see while a model is quantized: a line for every phase and step, and on a terminal bars of what is under way. */
import {
  formatCount,
  formatPlural,
  formatSeconds,
  formatStep,
  formatValue,
  type QuantizeEvent,
  type QuantizeTarget,
  type ReportedStep,
  reportStep,
} from "../../mod.ts";
import { Progress } from "./progress.ts";
import type { LiveRow, Terminal } from "./terminal.ts";

type Begin = Extract<QuantizeEvent, { readonly kind: "begin" }>;

const PHASES = {
  prepare: "Preparing the network",
  calibrate: "Calibrating",
  accuracy: "Finding what int8 costs",
  export: "Exporting",
  measure: "Measuring layers",
} as const;

/** Hears of everything that a quantization does and shows it. */
export class QuantizationProgress {
  readonly #terminal: Terminal;
  readonly #metric: string;
  readonly #progress: Progress;
  #names: readonly string[] = [];
  readonly #labels: string[] = [];
  #candidate: { readonly label: string; readonly since: number } | undefined;
  #targets: readonly QuantizeTarget[] = [];
  #current: ReportedStep | undefined;
  /** The largest drops so far: what fills the bars. */
  readonly #largest = new Map<string, number>();
  readonly #floats = new Set<string>();

  /** `metric` is the one whose value leads a step's line. */
  constructor(terminal: Terminal, metric: string) {
    this.#terminal = terminal;
    this.#metric = metric;
    this.#progress = new Progress(terminal);
  }

  /** Takes an event of the library. */
  hear(event: QuantizeEvent): void {
    switch (event.kind) {
      case "phase":
        this.#sayCandidate();
        this.#terminal.say(PHASES[event.phase]);
        this.#progress.begin(PHASES[event.phase], undefined, this.#drops());
        break;
      case "candidate":
        this.#sayCandidate();
        this.#labels.push(event.label);
        this.#candidate = { label: event.label, since: performance.now() };
        this.#progress.begin(`Calibrating ${event.number} of ${event.count}`, event);
        break;
      case "groups":
        this.#names = event.names;
        this.#terminal.say(`  ${formatPlural(event.names.length, "group")}`);
        break;
      case "targets":
        this.#targets = event.targets;
        this.#reset();
        break;
      case "begin":
        this.#progress.begin(titleOf(event), undefined, this.#drops());
        break;
      case "progress":
        this.#progress.show(event.done, event.total, this.#drops());
        break;
      case "step": {
        const step = reportStep(event.step, this.#metric, {
          nameOf: (index) => this.#names[index] ?? String(index),
          candidates: this.#labels,
        });
        this.#take(step);
        this.#terminal.say(`  ${formatStep(step, this.#metric, this.#targets[0]?.threshold)}`);
        break;
      }
      case "note":
        this.#terminal.say(`note: ${event.text}`);
    }
  }

  #sayCandidate(): void {
    if (!this.#candidate) return;
    const { label, since } = this.#candidate;
    this.#terminal.say(`  ${label} (${formatSeconds((performance.now() - since) / 1000)})`);
    this.#candidate = undefined;
  }

  /** A run begins; a sweep has several. */
  #reset(): void {
    this.#current = undefined;
    this.#floats.clear();
    this.#largest.clear();
  }

  #take(step: ReportedStep): void {
    const { action, kept, groups, drops } = step;
    if (action === "baseline" || step.ranking || !kept) return;
    this.#current = step;
    for (const group of groups) {
      if (action === "revert") this.#floats.add(group);
      if (action === "put_back") this.#floats.delete(group);
    }
    for (const [metric, drop] of Object.entries(drops)) {
      this.#largest.set(metric, Math.max(this.#largest.get(metric) ?? 0, drop));
    }
  }

  /** The drop of every metric against what is allowed; nothing before there is one, or where every drop is allowed. */
  #drops(): LiveRow[] {
    const step = this.#current;
    if (!step) return [];
    return this.#targets.filter(({ threshold }) => threshold < Number.MAX_VALUE).map(({ name, threshold }) => {
      const drop = step.drops[name] ?? NaN;
      const full = Math.max(this.#largest.get(name) ?? 0, 1.25 * threshold) || 1;
      const within = (value: number) => Number.isFinite(value) ? Math.min(1, Math.max(0, value / full)) : 1;
      const count = this.#floats.size;
      const floats = count === 0
        ? ""
        : `, ${formatCount(count)} of ${formatPlural(this.#names.length, "group")} in float`;
      return {
        name: `Drop of ${name}`,
        progress: within(drop),
        mark: within(threshold),
        text: `${formatValue(drop)} of ${formatValue(threshold)} allowed${floats}`,
      };
    });
  }
}

function titleOf({ action, groups }: Begin): string {
  switch (action) {
    case "baseline":
      return "Float network";
    case "quantize":
      return "All groups in int8";
    case "mixed":
      return "Mixed preset";
    case "try":
      return "Another candidate";
    case "tune":
      return "Tuning parameters";
    case "rank":
      return `Ranking ${formatPlural(groups.length, "group")}`;
    case "mend":
      return `Mending ${nameOf(groups)}`;
    case "revert":
      return `Reverting ${nameOf(groups)}`;
    case "put_back":
      return `Putting back ${nameOf(groups)}`;
    case "certify":
      return "Samples held back";
  }
}

/** The end of a name tells more than its beginning. */
function nameOf([name = "", ...others]: readonly string[]): string {
  if (others.length > 0) return formatPlural(others.length + 1, "group");
  return name.length <= 14 ? name : `…${name.slice(-13)}`;
}
