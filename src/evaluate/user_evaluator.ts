/** Accuracy as the caller measures it: the network is handed over to be run on whatever inputs the caller likes. */
import type { Assignment, Evaluation, Evaluator, MetricDirection, TakeResult } from "../base/precision.ts";
import type { HostTensor } from "../base/tensor.ts";
import { sameShape } from "../base/shape.ts";
import { formatShape } from "../base/tensor.ts";
import { UsageError } from "../base/errors.ts";
import type { HostTail } from "../passes/host_tail.ts";
import type { Session } from "../run/session.ts";
import { tailOutputs } from "./tail_metrics.ts";

/** The network in one precision. */
export interface RunnableNetwork {
  /** Runs it: inputs by name in the shapes that it was prepared for, outputs in the network's order. One call at a time. */
  run(inputs: Readonly<Record<string, HostTensor>>): Promise<readonly HostTensor[]>;
}

/** How a caller measures accuracy. */
export interface UserEvaluation {
  /** Samples in the validation set. */
  readonly sampleCount: number;
  /** Names and directions of what `evaluate` gives. */
  readonly metrics: readonly { readonly name: string; readonly direction: MetricDirection }[];
  /**
   * Values of all metrics over the samples at `indices`, and of each sample in that order (NaN where it has none). Must give the same
   * for the same network and indices: decisions are made on it.
   */
  evaluate(network: RunnableNetwork, indices: readonly number[], signal?: AbortSignal): Promise<Evaluation>;
}

/** The loop's evaluator over a caller's evaluation. Every sample counts as one forward pass. */
export class UserEvaluator implements Evaluator {
  readonly sampleCount: number;
  readonly metrics: Evaluator["metrics"];
  readonly #session: Session;
  readonly #evaluation: UserEvaluation;
  readonly #tail: HostTail | undefined;
  readonly #canonical: (assignment: Assignment) => Assignment;

  /**
   * `canonical` as `Evaluator.canonical`; `tail` makes the network's outputs of the session's, where the network ends on the host.
   */
  constructor(
    session: Session,
    evaluation: UserEvaluation,
    canonical: (assignment: Assignment) => Assignment,
    tail?: HostTail,
  ) {
    this.#canonical = canonical;
    this.sampleCount = evaluation.sampleCount;
    this.metrics = evaluation.metrics;
    this.#session = session;
    this.#evaluation = evaluation;
    this.#tail = tail;
  }

  canonical(assignment: Assignment): Assignment {
    return this.#canonical(assignment);
  }

  async evaluate(
    assignment: Assignment,
    indices: readonly number[] = Array.from({ length: this.sampleCount }, (_, index) => index),
    signal?: AbortSignal,
  ): Promise<Evaluation> {
    const network = { run: (inputs: Readonly<Record<string, HostTensor>>) => this.#run(assignment, inputs) };
    const found = await this.#evaluation.evaluate(network, indices, signal);
    for (const { name } of this.metrics) this.#check(name, found, indices.length);
    return found;
  }

  async evaluateEach(
    _base: Assignment,
    assignments: readonly Assignment[],
    indices: readonly number[],
    take: TakeResult<Evaluation>,
    signal?: AbortSignal,
  ): Promise<void> {
    for (const [place, assignment] of assignments.entries()) {
      signal?.throwIfAborted();
      await take(place, await this.evaluate(assignment, indices, signal));
    }
  }

  async #run(assignment: Assignment, inputs: Readonly<Record<string, HostTensor>>): Promise<readonly HostTensor[]> {
    for (const { name, type } of this.#session.plan.inputs) {
      const tensor = inputs[name];
      if (!tensor || tensor.dtype !== type.dtype || !sameShape(tensor.shape, type.shape)) {
        const found = tensor ? `${tensor.dtype} ${formatShape(tensor.shape)}` : "nothing";
        throw new UsageError(
          `Cannot run network: input "${name}" is ${found}, expected ${type.dtype} ${formatShape(type.shape)}`,
        );
      }
      this.#session.writeInput(name, tensor);
    }
    this.#session.run(assignment);
    const outputs = await this.#session.read();
    return this.#tail ? tailOutputs(this.#tail, outputs) : outputs;
  }

  #check(metric: string, { values, perSample }: Evaluation, count: number): void {
    const length = perSample[metric]?.length;
    if (typeof values[metric] === "number" && length === count) return;
    throw new UsageError(
      `Cannot use evaluation: metric "${metric}" has value ${values[metric]} and ${length} values per sample, ` +
        `expected a number and ${count}`,
    );
  }
}
