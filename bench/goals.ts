/** What the tables say about the project's goals. */
import type { NamedTable, Table, Value } from "./section.ts";

/** A goal, and how to read off the tables whether it is met. */
interface Goal {
  readonly what: string;
  readonly section: string;
  readonly column: string;
  readonly goal: string;
  /** Rows that it is about. */
  readonly rows?: (row: readonly Value[]) => boolean;
  readonly isMet: (worst: number) => boolean;
  /** Which of two values is the worse one. */
  readonly worse: "least" | "greatest";
}

const isCnn = ([network]: readonly Value[]) => network !== "use_lite_sst2";
const isMobileNetV2 = ([network]: readonly Value[]) => network === "mobilenet_v2_1.0_224";

/** Goals beside onnxruntime-web, for one of the columns. */
function besideWeb(section: string, how: string, column = "ratio"): Goal[] {
  const goal = (what: string, least: number, rows: (row: readonly Value[]) => boolean): Goal => ({
    what: `${what} beside onnxruntime-web, ${how}`,
    section,
    column,
    goal: `at least ${least}`,
    rows,
    worse: "least",
    isMet: (worst) => worst >= least,
  });
  return [goal("CNNs", 4, isCnn), goal("MobileNetV2", 8, isMobileNetV2), goal("any network", 1, () => true)];
}

const GOALS: readonly Goal[] = [
  ...besideWeb("peers", "call by call"),
  ...besideWeb("peers", "call by call without the wait", "ratio without the wait"),
  ...besideWeb("stream", "in a stream"),
  {
    what: "1×1 convolutions, % of the peak",
    section: "layers",
    column: "share of peak, %",
    goal: "at least 35",
    rows: ([, kind]) => kind === "1×1 conv",
    worse: "least",
    isMet: (worst) => worst >= 35,
  },
  {
    what: "int8 beside float",
    section: "precision",
    column: "int8 / fp32",
    goal: "at most 1.15",
    worse: "greatest",
    isMet: (worst) => worst <= 1.15,
  },
  {
    what: "toggling all layers and encoding, ms",
    section: "precision",
    column: "encode after later toggles, ms",
    goal: "below 1",
    worse: "greatest",
    isMet: (worst) => worst < 1,
  },
  {
    what: "the same for the first time, ms",
    section: "precision",
    column: "encode after first toggle, ms",
    goal: "below 1",
    worse: "greatest",
    isMet: (worst) => worst < 1,
  },
  {
    what: "first result of MobileNetV2, warm, ms",
    section: "startup",
    column: "total",
    goal: "below 2000",
    rows: (row) => isMobileNetV2(row) && row[1] === "warm",
    worse: "greatest",
    isMet: (worst) => worst < 2000,
  },
  {
    what: "allocated beside the largest live set",
    section: "memory",
    column: "ratio",
    goal: "at most 1.25",
    worse: "greatest",
    isMet: (worst) => worst <= 1.25,
  },
];

/** The goals that the tables tell about, with the worst value of each and whose it is. */
export function goalsTable(tables: readonly NamedTable[]): Table {
  const rows = GOALS.flatMap((goal): Value[][] => {
    const table = tables.find(({ name }) => name === goal.section);
    const place = table?.columns.indexOf(goal.column) ?? -1;
    const known = (table?.rows ?? []).filter((row) => typeof row[place] === "number" && (goal.rows?.(row) ?? true));
    if (known.length === 0) return [];
    const sign = goal.worse === "least" ? 1 : -1;
    const sorted = known.toSorted((a, b) => sign * (Number(a[place]) - Number(b[place])));
    const [worst, best] = [sorted[0]!, sorted.at(-1)!];
    const isNamed = ["batch", "plan"].includes(table?.columns[1] ?? "");
    const whose = ([network, second]: readonly Value[]) => isNamed ? `${network}, ${second}` : network;
    const isMet = goal.isMet(Number(worst[place])) ? "yes" : "no";
    return [[goal.what, goal.goal, isMet, Number(worst[place]), whose(worst), Number(best[place]), whose(best)]];
  });
  return { title: "Goals", columns: ["what", "goal", "met", "worst", "where", "best", "where"], rows, remarks: [] };
}
