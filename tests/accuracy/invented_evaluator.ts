/** Evaluators without a network: one that answers from a table, one that adds invented errors to invented margins. */
import { createRandom } from "../../src/base/random.ts";
import {
  type Assignment,
  type Evaluation,
  type Evaluator,
  FLOAT,
  type MetricDirection,
  type OutputDistance,
} from "../../src/base/precision.ts";
import type { AccuracyProblem, GroupInfo } from "../../src/accuracy/problem.ts";
import type { Step } from "../../src/accuracy/trace.ts";

/** `evaluateEach` of an evaluator that evaluates one assignment after the other. */
export function oneByOne(
  evaluate: (assignment: Assignment, indices: readonly number[]) => Evaluation,
): Evaluator["evaluateEach"] {
  return async (_base, assignments, indices, take) => {
    for (const [place, assignment] of assignments.entries()) await take(place, evaluate(assignment, indices));
  };
}

/** Groups of equal cost with one int8 candidate each, or as many as there are labels. */
export function groupsNamed(names: string, candidates: readonly string[] = ["int8"]): GroupInfo[] {
  return [...names].map((name) => ({ name, macs: 1 / names.length, candidates }));
}

/** A state as text: the groups in float by name, others than candidate 0 as name and number; "-" for plain int8. */
export function stateKey(groups: readonly GroupInfo[], assignment: Assignment): string {
  const parts = groups.flatMap(({ name }, index) => {
    const candidate = assignment[index] ?? 0;
    return candidate === FLOAT ? [name] : candidate > 0 ? [`${name}${candidate}`] : [];
  });
  return parts.join("") || "-";
}

/** Values of a metric, by state: over the whole set, and over any subset of it. */
export interface MetricTable {
  readonly direction?: MetricDirection;
  /** State → value over the whole set. */
  readonly full: Readonly<Record<string, number>>;
  /** State → value over a subset. */
  readonly subset?: Readonly<Record<string, number>>;
}

/** A problem of 4 samples whose evaluations are looked up. Asking for what is not in the table fails. `asked` logs what was evaluated. */
export function tableProblem(
  groups: readonly GroupInfo[],
  metrics: Readonly<Record<string, MetricTable>>,
  sampleCount = 4,
): AccuracyProblem & { readonly asked: string[] } {
  const asked: string[] = [];
  const lookUp = (assignment: Assignment, indices?: readonly number[]): Evaluation => {
    const state = stateKey(groups, assignment);
    const isFull = indices === undefined || indices.length === sampleCount;
    asked.push(`${isFull ? "full" : "subset"} ${state}`);
    const values = Object.entries(metrics).map(([name, { full, subset }]) => {
      const value = isFull ? full[state] : subset?.[state];
      if (value === undefined) throw new Error(`Cannot look up ${name} of ${state} (${isFull ? "full" : "subset"})`);
      return [name, value] as const;
    });
    const perSample = values.map(([name]) => [name, new Float64Array(indices?.length ?? sampleCount)] as const);
    return { values: Object.fromEntries(values), perSample: Object.fromEntries(perSample) };
  };
  const evaluator: Evaluator = {
    sampleCount,
    metrics: Object.entries(metrics).map(([name, { direction = "higher_better" }]) => ({ name, direction })),
    evaluate: (assignment, indices) => Promise.resolve(lookUp(assignment, indices)),
    evaluateEach: oneByOne(lookUp),
  };
  return { evaluator, groups, asked };
}

/** Value tables of a metric whose baseline is 0, so that drops come out without rounding. */
export function dropTable(float: string, drops: Readonly<Record<string, number>>): Record<string, number> {
  return Object.fromEntries([[float, -0], ...Object.entries(drops).map(([state, drop]) => [state, -drop])]);
}

/** How an invented network errs. */
export interface InventedErrors {
  readonly groupCount: number;
  readonly sampleCount: number;
  readonly seed: number;
  /** Int8 candidates per group; the errors of each are drawn anew. */
  readonly candidateCount?: number;
  /** Strength of pairwise interactions between quantized groups, relative to single errors. */
  readonly interaction?: number;
  /** Errors only ever push towards the wrong answer, so that every reversion helps or does nothing. */
  readonly isMonotone?: boolean;
  /** Size of the largest single errors against margins of up to 14; 10 where absent, which ruins the network. */
  readonly strength?: number;
  /** Gives every group the same cost. */
  readonly hasEqualCosts?: boolean;
}

/** Number of calls and samples that an evaluator has answered. */
export interface Counted {
  evaluations: number;
  samples: number;
}

/**
 * Two metrics over invented samples: "accuracy" (a sample is right while its margin exceeds the errors of all quantized groups and
 * of their pairs) and "margin" (what is left of the margin, summed exactly over few binary digits). Distances are squared errors.
 */
export function inventedProblem(errors: InventedErrors): AccuracyProblem & { readonly counted: Counted } {
  const { groupCount, sampleCount, seed, candidateCount = 1, interaction = 0, isMonotone = false } = errors;
  const random = createRandom(seed * 7919 + 17);
  const draw = () => Math.round((isMonotone ? random() : random() * 2 - 0.7) * 1024) / 1024;
  const margins = Float64Array.from({ length: sampleCount }, () => random() < 0.06 ? -1 : random() * 14 + 0.01);
  const strengths = Array.from({ length: groupCount }, () => random() ** 4 * (errors.strength ?? 10));
  const single = Array.from({ length: groupCount }, (_, group) =>
    Array.from({ length: candidateCount }, () => {
      const strength = (strengths[group] ?? 0) * (candidateCount > 1 ? random() * 1.5 : 1);
      return Float64Array.from({ length: sampleCount }, () => Math.round(draw() * strength * 1024) / 1024);
    }));
  const pairs = Array.from({ length: groupCount }, () => (random() * 2 - 1) * interaction);
  const costs = strengths.map(() => errors.hasEqualCosts ? 1 : 1 + Math.floor(random() * 5));
  const totalCost = costs.reduce((sum, cost) => sum + cost, 0);
  const errorOf = (assignment: Assignment, sample: number): number => {
    const partOf = (group: number) => single[group]?.[assignment[group] ?? FLOAT]?.[sample] ?? 0;
    let error = 0;
    for (let group = 0; group < groupCount; group++) {
      error += partOf(group);
      const next = (group + 1) % groupCount;
      if (interaction > 0 && assignment[group] !== FLOAT && assignment[next] !== FLOAT) {
        error += (pairs[group] ?? 0) * Math.abs(partOf(group) + partOf(next));
      }
    }
    return error;
  };
  const counted: Counted = { evaluations: 0, samples: 0 };
  const all = Array.from({ length: sampleCount }, (_, index) => index);
  const evaluateOne = (assignment: Assignment, indices: readonly number[] = all): Evaluation => {
    counted.evaluations++;
    counted.samples += indices.length;
    const margin = Float64Array.from(indices, (sample) => (margins[sample] ?? 0) - errorOf(assignment, sample));
    const accuracy = margin.map((left) => left > 0 ? 1 : 0);
    const mean = (values: Float64Array) => values.reduce((sum, value) => sum + value, 0) / values.length;
    return { values: { accuracy: mean(accuracy), margin: mean(margin) }, perSample: { accuracy, margin } };
  };
  const evaluator: Evaluator = {
    sampleCount,
    metrics: [{ name: "accuracy", direction: "higher_better" }, { name: "margin", direction: "higher_better" }],
    evaluate: (assignment, indices) => Promise.resolve(evaluateOne(assignment, indices)),
    evaluateEach: oneByOne(evaluateOne),
    async distances(_kind: OutputDistance, _base, assignments, indices, take) {
      for (const [place, one] of assignments.entries()) {
        await take(place, Float64Array.from(indices, (sample) => errorOf(one, sample) ** 2));
      }
    },
  };
  const groups = costs.map((cost, index) => ({
    name: `group${String(index).padStart(2, "0")}`,
    macs: cost / totalCost,
    candidates: Array.from({ length: candidateCount }, (_, candidate) => `candidate ${candidate}`),
  }));
  return { evaluator, groups, counted };
}

/** Steps as short lines, `action state drop +|- reason`, rankings as `rank state: order`. */
export function traceLines(groups: readonly GroupInfo[], steps: readonly Step[]): string[] {
  return steps.map(({ action, assignment, drops, kept, reason, ranking }) => {
    const state = stateKey(groups, assignment);
    if (ranking) return `rank ${state}: ${ranking.scores.map(({ group }) => groups[group]?.name).join(" ")}`;
    return `${action} ${state} ${Object.values(drops).map((drop) => drop === 0 ? 0 : drop).join(" ")} ${
      kept ? "+" : "-"
    } ${reason}`;
  });
}
