/**
 * Runs the tests of the ONNX standard (Debian's package libonnx-testdata) on the GPU and writes docs/operators.md. Ends with 1 where
 * a value is wrong.
 */
import { findTestFolders, type Verdict, verifyFolders } from "../mod.ts";
import { OPERATORS } from "../src/ops/registry.ts";
import { LOOSER } from "../src/api/closeness.ts";
import { OPSET_RANGE } from "../src/graph/import.ts";
import { INLINED } from "../src/passes/inline_control_flow.ts";

const PACKAGE = "libonnx-testdata";
const DATA = `/usr/share/${PACKAGE}/data`;
const SUITES = ["node", "simple", "pytorch-converted", "pytorch-operator"];
const TARGET = new URL("../docs/operators.md", import.meta.url);

/** Makes the package's folder be there; ends the program, saying what to install, where that fails. */
async function requireTestData(): Promise<void> {
  if (await exists(DATA)) return;
  if (Deno.build.os === "linux" && Deno.uid() === 0) {
    console.error(`Installing ${PACKAGE}`);
    for (const args of [["-q", "update"], ["-q", "install", "-y", "--no-install-recommends", PACKAGE]]) {
      await new Deno.Command("apt-get", { args, stdout: "null" }).output();
    }
  }
  if (await exists(DATA)) return;
  console.error(`Cannot find the tests of ONNX in ${DATA}: install Debian's ${PACKAGE}`);
  Deno.exit(1);
}

async function exists(path: string): Promise<boolean> {
  try {
    await Deno.stat(path);
    return true;
  } catch {
    return false;
  }
}

/** What is known of one operator. */
interface Row {
  readonly verdicts: Verdict[];
  readonly opsets: string;
}

/** Operators of the registry by name; those of the project's own domain are no matter of users. */
function supportedOperators(): Map<string, Row> {
  const rows = new Map<string, Row>();
  for (const { type, domain = "" } of OPERATORS) {
    if (domain !== "") continue;
    const since = OPERATORS.filter((one) => one.type === type && !one.domain).map((one) => one.since);
    rows.set(type, { verdicts: [], opsets: `${Math.min(...since)} to ${OPSET_RANGE.newest}` });
  }
  for (const [type, since] of INLINED) rows.set(type, { verdicts: [], opsets: `${since} to ${OPSET_RANGE.newest}` });
  return new Map([...rows].sort(([a], [b]) => a.localeCompare(b, "en")));
}

function document(verdicts: readonly Verdict[]): string {
  const rows = supportedOperators();
  const missing = new Map<string, number>();
  const mixed: Verdict[] = [];
  for (const verdict of verdicts) {
    const [type] = verdict.operators;
    if (verdict.operators.length !== 1 || type === undefined) mixed.push(verdict);
    else if (rows.has(type)) rows.get(type)!.verdicts.push(verdict);
    else missing.set(type, (missing.get(type) ?? 0) + 1);
  }
  const count = (status: Verdict["status"], list = verdicts) => list.filter((one) => one.status === status).length;
  const hosted = count("passed", verdicts.filter(({ isOnHost }) => isOnHost));
  const dataDependent = OPERATORS.filter((operator) => operator.dataDependent).map(({ type }) => type).sort();
  return [
    "# Operators",
    "",
    "Written by `deno task conformance`: the tests that the ONNX standard ships for its operators (Debian's package " +
    `\`${PACKAGE}\`, ONNX 1.12), run on the GPU. A float counts as right within 1e-3 relative and 1e-7 absolute ` +
    `(${
      Object.entries(LOOSER).map(([type, { absolute, reason }]) => `${type} ${absolute} absolute: ${reason}`).join("; ")
    }), anything else only if it is equal.`,
    "",
    `In all ${verdicts.length} tests: ${count("passed")} passed, ${count("failed")} wrong, ${
      count("unsupported")
    } refused. Of these ${mixed.length} have several operators or are no single network of tensors; ${
      count("passed", mixed)
    } of them passed. Operators without a test in that package are compared with a reference of our own only ` +
    "(`tests/gpu/conformance_test.ts`).",
    "",
    `Of the passed tests ${hosted} were computed on the host: what follows from constants and shapes alone, and ` +
    `${dataDependent.join(", ")} where the shape of their results depends on data, with all that comes behind them. ` +
    `${
      [...INLINED.keys()].join(", ")
    } are replaced by the nodes that they run where that is known beforehand; behind the ` +
    "operators just named they run on the host.",
    "",
    "| operator | opsets | tests passed | refused, and why |",
    "| --- | --- | --- | --- |",
    ...[...rows].map(([type, { verdicts, opsets }]) =>
      `| ${type} | ${opsets} | ${
        verdicts.length === 0 ? "none" : `${count("passed", verdicts)} of ${verdicts.length}`
      } | ${refusals(verdicts)} |`
    ),
    "",
    "## Not supported",
    "",
    `With their number of tests: ${
      [...missing].sort(([a], [b]) => a.localeCompare(b, "en")).map(([type, tests]) => `${type} (${tests})`).join(", ")
    }.`,
    "",
  ].join("\n");
}

/** Why tests were refused, each reason once, without the names of nodes. */
function refusals(verdicts: readonly Verdict[]): string {
  const reasons = new Map<string, number>();
  for (const { status, detail = "" } of verdicts) {
    if (status === "passed") continue;
    const reason = detail.replace(/^Cannot [^:]*: /, "").replace(/ of \w+ node "[^"]*"/g, "").replaceAll("|", "\\|");
    const text = status === "failed" ? `WRONG: ${reason}` : reason;
    reasons.set(text, (reasons.get(text) ?? 0) + 1);
  }
  return [...reasons].map(([reason, tests]) => `${reason} (${tests})`).join("; ");
}

await requireTestData();
const folders = await findTestFolders(SUITES.map((suite) => `${DATA}/${suite}`));
const verdicts: Verdict[] = [];
for await (const verdict of verifyFolders(folders)) {
  verdicts.push(verdict);
  if (verdict.status === "failed") console.log(`failed  ${verdict.folder}: ${verdict.detail}`);
}
await Deno.mkdir(new URL(".", TARGET), { recursive: true });
await Deno.writeTextFile(TARGET, document(verdicts));
const failed = verdicts.filter(({ status }) => status === "failed").length;
console.log(`${verdicts.length} tests, ${failed} failed; see docs/operators.md`);
Deno.exit(failed > 0 ? 1 : 0);
