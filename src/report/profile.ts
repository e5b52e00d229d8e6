/** Where GPU time goes: by node for people and scripts, as a trace for chrome://tracing and Perfetto. */
import type { AdapterDescription } from "../gpu/device.ts";
import type { RecordedPass } from "../gpu/profiler.ts";
import { formatShape } from "../base/tensor.ts";
import { formatTable } from "./table.ts";

/** Passes that ran on an adapter. */
export interface Profile {
  /** The adapter that computed. */
  readonly adapter: AdapterDescription;
  /** By start. */
  readonly passes: readonly RecordedPass[];
}

/** What one node takes per run of its network, in all its passes. */
export interface NodeTime {
  /** Session and precision. */
  readonly track: string;
  /** Name of the node. */
  readonly node: string;
  /** Operator type. */
  readonly operator: string;
  /** Of the node's first output. */
  readonly shape: readonly number[];
  /** Names of its kernels. */
  readonly shaders: readonly string[];
  /** Multiply-accumulates per sample. */
  readonly macs: number;
  /** Median over the recorded runs. */
  readonly microseconds: number;
  /** Share of its track's time. */
  readonly share: number;
}

/**
 * Nodes of every track, those that take longest first.
 *
 * ```ts
 * import { accuracy, evaluateModel, loadModel, nodeTimes, openDataset, Runtime } from "@holdfast/holdfast";
 *
 * using runtime = await Runtime.open({ profile: true });
 * const dataset = await openDataset("validation");
 * await evaluateModel(runtime, await loadModel("model.onnx"), dataset, { metrics: [accuracy()] });
 * const profile = await runtime.readProfile();
 * for (const { node, microseconds } of nodeTimes(profile)) console.log(node, microseconds);
 * ```
 */
export function nodeTimes({ passes }: Profile): NodeTime[] {
  const times: NodeTime[] = [];
  for (const track of new Set(passes.map((pass) => pass.track))) {
    const own = passes.filter((pass) => pass.track === track);
    const byNode = Map.groupBy(medianSteps(own), ({ pass }) => pass.node);
    const nodes = [...byNode].map(([node, steps]): NodeTime => ({
      track,
      node,
      operator: steps[0]!.pass.operator,
      shape: steps[0]!.pass.shape,
      shaders: [...new Set(steps.map(({ pass }) => pass.shader))],
      macs: steps.reduce((sum, { pass }) => sum + pass.macs, 0),
      microseconds: steps.reduce((sum, step) => sum + step.microseconds, 0),
      share: 0,
    }));
    const total = nodes.reduce((sum, { microseconds }) => sum + microseconds, 0);
    nodes.sort((a, b) => b.microseconds - a.microseconds);
    times.push(...nodes.map((node) => ({ ...node, share: total > 0 ? node.microseconds / total : 0 })));
  }
  return times;
}

/** Steps of one track with the median of their times. */
function medianSteps(passes: readonly RecordedPass[]): { pass: RecordedPass; microseconds: number }[] {
  return [...Map.groupBy(passes, ({ step }) => step).values()].map((runs) => {
    const sorted = runs.map(({ duration }) => duration).sort((a, b) => a - b);
    return { pass: runs[0]!, microseconds: sorted[Math.floor(sorted.length / 2)]! };
  });
}

/**
 * The profile as JSON: `nodes` for scripts, `traceEvents` as the trace event format of Chromium has them.
 *
 * ```ts
 * import { accuracy, encodeProfile, evaluateModel, loadModel, openDataset, Runtime } from "@holdfast/holdfast";
 *
 * using runtime = await Runtime.open({ profile: true });
 * const dataset = await openDataset("validation");
 * await evaluateModel(runtime, await loadModel("model.onnx"), dataset, { metrics: [accuracy()] });
 * const profile = await runtime.readProfile();
 * await Deno.writeTextFile("trace.json", encodeProfile(profile));
 * ```
 */
export function encodeProfile(profile: Profile): string {
  const tracks = [...new Set(profile.passes.map(({ track }) => track))];
  return JSON.stringify({
    version: 1,
    adapter: profile.adapter,
    nodes: nodeTimes(profile),
    displayTimeUnit: "ms",
    traceEvents: [
      { ph: "M", pid: 1, tid: 0, name: "process_name", args: { name: profile.adapter.description } },
      ...tracks.map((name, tid) => ({ ph: "M", pid: 1, tid, name: "thread_name", args: { name } })),
      ...profile.passes.map(({ name, operator, shape, shader, workgroups, step, macs, track, start, duration }) => ({
        ph: "X",
        pid: 1,
        tid: tracks.indexOf(track),
        ts: start,
        dur: duration,
        name,
        cat: operator,
        args: { step, operator, shape: formatShape(shape), shader, workgroups: workgroups.join(" x "), macs },
      })),
    ],
  });
}

/**
 * The `count` nodes of every track that take longest.
 *
 * ```ts
 * import { accuracy, evaluateModel, formatProfile, loadModel, openDataset, Runtime } from "@holdfast/holdfast";
 *
 * using runtime = await Runtime.open({ profile: true });
 * const dataset = await openDataset("validation");
 * await evaluateModel(runtime, await loadModel("model.onnx"), dataset, { metrics: [accuracy()] });
 * const profile = await runtime.readProfile();
 * console.log(formatProfile(profile));
 * ```
 */
export function formatProfile(profile: Profile, count = 10): string {
  const times = nodeTimes(profile);
  return [...Map.groupBy(times, ({ track }) => track)].map(([track, nodes]) => {
    const total = nodes.reduce((sum, { microseconds }) => sum + microseconds, 0);
    const rows = nodes.slice(0, count).map(({ node, operator, shape, macs, microseconds, share }) => [
      operator,
      node,
      formatShape(shape),
      `${(microseconds / 1000).toFixed(3)} ms`,
      `${(100 * share).toFixed(1)} %`,
      macs > 0 && microseconds > 0 ? `${(2 * macs / microseconds / 1000).toFixed(1)} GFLOP/s` : "",
    ]);
    const rest = nodes.length > count ? `, the ${count} longest of ${nodes.length} nodes` : "";
    return `${track}: ${(total / 1000).toFixed(2)} ms per batch${rest}\n${formatTable(rows, "  ")}`;
  }).join("\n\n");
}
