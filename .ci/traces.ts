/** Runs the loop on the embedded network, and puts what it says into the traces of docs/algorithm.md. */
import { REASONS } from "../src/accuracy/trace.ts";
import type { Report } from "../src/report/report.ts";
import { formatStep, formatVerdict } from "../src/report/summary.ts";
import { replaceSection } from "./docs.ts";

const ROOT = new URL("../", import.meta.url);
const PAGE = new URL("docs/algorithm.md", ROOT);

/** Its own confident predictions are the labels, so that every changed answer counts. */
const COMMAND = [
  ...["quantize", "models/fashion_mnist/mobilenet_v3_fashion.onnx", "--dataset", "models/fashion_mnist"],
  ...["--calibration", "models/fashion_mnist/dataset.calibration.json", "--annotation-free", "--limit", "1000"],
  ...["--ranking-subset-size", "100", "--maximal-drop", "0.002"],
];

/** A run of the command with one option more, and the section that shows it. */
interface Variant {
  readonly section: string;
  readonly more: readonly string[];
}

/** In the order of the page. */
export const VARIANTS: readonly Variant[] = [
  { section: "trace", more: [] },
  { section: "trace without mending", more: ["--no-mend"] },
  { section: "trace of POT's rules", more: ["--compatibility", "pot"] },
];

/** The command as the page shows it: whole where nothing is added, otherwise what is added. */
export function shownCommand({ more }: Variant): string {
  if (more.length > 0) return `… ${more.join(" ")}`;
  return `deno run -A cli.ts ${COMMAND.join(" ")}`.replace(/ (--(?:dataset|annotation-free) )/g, " \\\n  $1");
}

/** Steps and end of a run, without times. */
function traceOf(report: Report): string {
  const steps = report.trace.map((step) => `  ${formatStep(step, report.metric).replace(/ \([^()]*\)$/, "")}`);
  const int8 = `${(100 * report.int8Macs).toFixed(1)} % of the multiply-accumulates in int8`;
  return [...steps, "", formatVerdict(report), int8].join("\n");
}

/** Whether a line of a step gives a reason that the loop has. */
export function hasKnownReason(line: string): boolean {
  const [, reason] = /, (?:kept|undone): (.*)$/.exec(line) ?? [];
  return reason === undefined || Object.values<string>(REASONS).includes(reason);
}

async function run(variant: Variant): Promise<string> {
  const output = await Deno.makeTempDir();
  try {
    const { code, stdout, stderr } = await new Deno.Command(Deno.execPath(), {
      args: ["run", "-A", "cli.ts", ...COMMAND, ...variant.more, "--no-journal", "--json", "--output", output],
      cwd: ROOT,
    }).output();
    if (code !== 0) throw new Error(`Cannot trace ${variant.section}: ${new TextDecoder().decode(stderr).trim()}`);
    const report = JSON.parse(new TextDecoder().decode(stdout));
    return `\`\`\`\n${shownCommand(variant)}\n\n${traceOf(report)}\n\`\`\``;
  } finally {
    await Deno.remove(output, { recursive: true });
  }
}

if (import.meta.main) {
  for (const variant of VARIANTS) {
    const section = await run(variant);
    console.log(section);
    await Deno.writeTextFile(PAGE, replaceSection(await Deno.readTextFile(PAGE), variant.section, section));
  }
}
