/** What the evaluations of a run depend on, as digests: a journal of other digests is of no use to it. */
import type { AccuracyAwareOptions } from "../../accuracy/options.ts";
import { createContentHash } from "../../data/content_hash.ts";
import type { Dataset } from "../../data/dataset.ts";
import type { Metric } from "../../evaluate/metric.ts";
import { exportGraph } from "../../graph/export.ts";
import type { Graph } from "../../graph/graph.ts";
import type { AdapterDescription } from "../../gpu/device.ts";
import { linkShader } from "../../gpu/link.ts";
import { encodeModel } from "../../onnx/encode.ts";
import type { Plan } from "../../plan/plan.ts";
import type { Candidate } from "../../quantize/candidate.ts";
import { flagsOf } from "../../run/compiled_step.ts";
import type { JournalIdentity } from "./journal_record.ts";
import { VERSION } from "../version.ts";

/** The parts of an identity. */
export interface IdentityParts {
  /** Of the model's file. */
  readonly modelSha256: string;
  readonly plan: Plan;
  readonly candidates: readonly Candidate[];
  readonly dataset: Dataset;
  readonly calibration: Dataset;
  readonly metrics: readonly Metric[];
  readonly accuracy: AccuracyAwareOptions;
  readonly adapter: AdapterDescription;
  /** Whatever else decides values, as the user said it. */
  readonly settings: unknown;
}

/** Hashes everything once: both datasets, all weights in every precision, and the linked code of every kernel. */
export async function journalIdentity(parts: IdentityParts): Promise<JournalIdentity> {
  const { plan, candidates, dataset, calibration, adapter } = parts;
  return {
    model: digestOfModel(parts.modelSha256, plan),
    dataset: await dataset.sha256(),
    calibration: await calibration.sha256(),
    configuration: digestOfConfiguration(parts, candidates),
    batch: String(plan.outputs[0]?.type.shape[0] ?? 1),
    kernels: digestOfKernels(plan),
    version: VERSION,
    adapter: [adapter.vendor, adapter.architecture, adapter.description].filter(Boolean).join(", "),
  };
}

/** One short text for all of it, to begin keys with. */
export function identityKey(identity: JournalIdentity): string {
  const hash = createContentHash();
  for (const [name, value] of Object.entries(identity)) hash.text(`${name}=${value}`);
  return hash.hex().slice(0, 16);
}

/** Of everything that a graph computes with. */
export function digestOfGraph(graph: Graph): string {
  const hash = createContentHash();
  hash.bytes(encodeModel(exportGraph(graph)));
  return hash.hex();
}

/** The file, and the weights, which may lie beside it. */
function digestOfModel(sha256: string, { constants, inputs, outputs }: Plan): string {
  const hash = createContentHash();
  hash.text(sha256);
  hash.text(
    JSON.stringify([...inputs, ...outputs].map(({ name, type: { dtype, shape } }) => [name, dtype, shape.slice(1)])),
  );
  for (const { name, dtype, shape, value } of constants) {
    hash.text(JSON.stringify([name, dtype, shape]));
    if (value) hash.values(value.data);
  }
  return hash.hex();
}

function digestOfConfiguration(
  { metrics, accuracy, settings }: IdentityParts,
  candidates: readonly Candidate[],
): string {
  const hash = createContentHash();
  // A metric's code is the best there is of what it computes.
  hash.text(
    JSON.stringify(
      metrics.map(({ name, direction, identity, start }) => [name, direction, identity ?? null, String(start)]),
    ),
  );
  hash.text(JSON.stringify(settings));
  for (const { label, parameters, tensors } of candidates) {
    hash.text(label);
    for (const [id, { scale, zeroPoint, low, high }] of parameters) {
      hash.text(`${id} ${low} ${high}`);
      hash.values(scale);
      hash.values(zeroPoint);
    }
    for (const [id, { data }] of tensors) {
      hash.text(String(id));
      hash.values(data);
    }
  }
  // What tuning quantizes with depends on the samples that it looks at.
  if (accuracy.tuneHyperparams) hash.text(JSON.stringify({ ...accuracy, maximalDrop: null }));
  return hash.hex();
}

/** Every step with its linked code, all precisions on. */
function digestOfKernels({ prepare, steps }: Plan): string {
  const hash = createContentHash();
  for (const step of [...prepare, ...steps]) {
    const { operands, epilogue, onlyFor, dispatch: { uniforms, workgroups } } = step;
    hash.text(JSON.stringify([operands, epilogue, onlyFor ?? null, uniforms, workgroups]));
    hash.text(linkShader(step.dispatch, flagsOf(step)));
  }
  return hash.hex();
}
