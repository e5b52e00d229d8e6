/** Everything between a model and the loop: samples divided, candidates calibrated, an evaluator on the GPU, a journal. */
import { type Certificate, certify } from "../accuracy/certify.ts";
import type { AccuracyAwareHooks } from "../accuracy/hooks.ts";
import { Memo } from "../accuracy/memo.ts";
import { type AccuracyAwareOptions, resolveOptions } from "../accuracy/options.ts";
import type { AccuracyProblem } from "../accuracy/problem.ts";
import type { Assignment } from "../base/precision.ts";
import { exportGraph } from "../graph/export.ts";
import { encodeModel } from "../onnx/encode.ts";
import { refuseUnexportable } from "../quantize/qdq.ts";
import type { Session } from "../run/session.ts";
import { checkLabels, refuseQuantized, refuseWithoutGroups } from "./check_task.ts";
import { type CandidateList, listCandidates } from "./candidates.ts";
import { type MeasuredLayers, measureLayers, UNMEASURED } from "./measured_layers.ts";
import type { MemoryFit } from "./memory_fit.ts";
import type { Model } from "./model.ts";
import type { PhaseClock } from "./phase_clock.ts";
import type { QuantizeOptions } from "./quantize_options.ts";
import { tunedOptions } from "./requantize.ts";
import type { Runtime } from "./runtime.ts";
import { Workbench } from "./workbench.ts";

/** A problem for the loop with what it was made from. Dispose it to free the GPU's memory and close the journal. */
export interface AssembledProblem extends Disposable {
  readonly bench: Workbench;
  readonly problem: AccuracyProblem;
  /** What the loop is told. */
  readonly options: Partial<AccuracyAwareOptions>;
  readonly hooks: AccuracyAwareHooks;
  /** The QDQ model of an assignment, encoded. */
  exportModel(assignment: Assignment): Uint8Array;
  /** What the layers cost and lose under an assignment; nothing where the caller does not want to know. */
  measureLayers(assignment: Assignment): Promise<MeasuredLayers>;
  /** The verdict of the samples held back under `options`; undefined where none are. */
  certify(assignment: Assignment, options: AccuracyAwareOptions): Promise<Certificate | undefined>;
}

/** Prepares, calibrates and uploads. What is wrong in the options is thrown before anything is computed. */
export async function assembleProblem(
  runtime: Runtime,
  model: Model,
  options: QuantizeOptions,
  { clock, fit }: { readonly clock: PhaseClock; readonly fit: MemoryFit },
): Promise<AssembledProblem> {
  const loop = loopOptions(options);
  const resolved = resolveOptions(loop);
  const list = candidatesFor(options, resolved);
  clock.enter("prepare");
  refuseQuantized(model);
  const bench = await Workbench.open(runtime, model, options);
  refuseWithoutGroups(model, bench.groups, bench.prepared.skipped);
  refuseUnexportable(bench.prepared);
  if (!options.evaluate) checkLabels(model, bench.data.decisions, options.metrics);
  fit.choose(bench.batchSize);
  bench.notes.push(...fit.notes);
  for (const name of list.idle) bench.note(`try_first ${name} has no effect: the settings have it already`);
  clock.enter("calibrate");
  for (const [index, one] of list.options.entries()) {
    const label = one.label ?? "";
    options.onEvent?.({ kind: "candidate", label, number: index + 1, count: list.options.length });
    await bench.addCandidate(one);
  }
  const activationsCandidate = resolved.revert === "activations" ? bench.addWeightsOnly() : undefined;
  const groups = bench.groupInfos(activationsCandidate);
  clock.enter("accuracy");
  options.onEvent?.({ kind: "groups", names: groups.map(({ name }) => name) });

  using stack = new DisposableStack();
  const session = stack.use(await bench.openSession());
  const isLoop = options.algorithm !== "DefaultQuantization";
  const { evaluator } = stack.use(bench.openEvaluator(session, bench.data.decisions, isLoop));
  await runtime.gpu.settle();
  fit.open();
  const opened = await bench.openJournal(session, resolved);
  if (opened?.journal && Symbol.dispose in opened.journal) stack.use(opened.journal as Disposable);
  const resources = stack.move();
  return {
    bench,
    problem: {
      evaluator,
      groups,
      ...(list.mixed === undefined ? {} : { mixedCandidate: list.mixed }),
      recipes: [...list.options.keys()],
      requantize: async (parameters) => {
        const tuned = tunedOptions(options.quantization ?? {}, parameters);
        const candidate = await addTo(session, bench, tuned);
        return { candidate, label: bench.candidates[candidate]!.label };
      },
    },
    options: options.tryFirst ? { ...loop, tryFirst: list.tryFirst } : loop,
    hooks: {
      onTargets: (targets) => options.onEvent?.({ kind: "targets", targets }),
      onBegin: ({ action, groups: indices }) => {
        const names = indices.flatMap((index) => groups[index]?.name ?? []);
        options.onEvent?.({ kind: "begin", action, groups: names });
      },
      onStep: (step) => options.onEvent?.({ kind: "step", step, group: groups[step.group ?? -1]?.name }),
      ...(options.signal ? { signal: options.signal } : {}),
      ...opened,
    },
    exportModel: (assignment) => encodeModel(exportGraph(bench.quantizedGraph(assignment))),
    async measureLayers(assignment) {
      if (options.measureLayers === false) return UNMEASURED;
      clock.enter("measure");
      return await measureLayers({ runtime, bench, session }, assignment, options);
    },
    async certify(assignment, effective) {
      const { held } = bench.data;
      if (!held) return undefined;
      options.onEvent?.({ kind: "begin", action: "certify", groups: [] });
      using certifying = bench.openEvaluator(session, held, false);
      const memo = new Memo(certifying.evaluator, opened?.journal, `${opened?.keyPrefix ?? ""}|held`);
      return await certify(memo, assignment, effective, options.signal);
    },
    [Symbol.dispose]: () => resources.dispose(),
  };
}

/** What the loop is told: DefaultQuantization is the loop that is content with whatever full quantization gives. */
export function loopOptions({ algorithm, accuracy = {} }: QuantizeOptions): Partial<AccuracyAwareOptions> {
  if (algorithm !== "DefaultQuantization") return accuracy;
  return { ...accuracy, maximalDrop: Number.MAX_VALUE, putBack: false, mend: false, convertToMixedPreset: false };
}

/** The candidates that a run with these options calibrates. */
export function candidatesFor(options: QuantizeOptions, resolved: AccuracyAwareOptions): CandidateList {
  return listCandidates(options.quantization ?? {}, {
    mend: resolved.mend && options.algorithm !== "DefaultQuantization",
    mixed: resolved.convertToMixedPreset,
    ...(options.tryFirst ? { tryFirst: options.tryFirst } : {}),
  });
}

/** Calibrates one more candidate while the loop runs. */
async function addTo(session: Session, bench: Workbench, options: Parameters<Workbench["addCandidate"]>[0]) {
  const count = bench.candidates.length;
  const number = await bench.addCandidate(options);
  if (number >= count) bench.uploadCandidate(session, number);
  return number;
}
