/** Nothing is evaluated twice: a memo in front of the evaluator, with a journal behind it, that counts what was really spent. */
import type { Assignment, Evaluation, Evaluator, OutputDistance, TakeResult } from "../base/precision.ts";
import { partOf } from "./part_of_evaluation.ts";

/** Keeps evaluations beyond the process. What `get` returns must be what was put, bit for bit: decisions hang on it. */
export interface Journal {
  /** What was put under a key; undefined where nothing was. */
  get(key: string): Evaluation | undefined;
  /** Keeps an evaluation under a key; resolves once it is safe. */
  put(key: string, evaluation: Evaluation): Promise<void>;
}

/** What was spent. Evaluations found in the memo or the journal count only as reused. */
export interface Spent {
  /** Assignments evaluated, over any number of samples. */
  readonly evaluations: number;
  /** Samples evaluated, summed over the evaluations. */
  readonly samples: number;
  /** Evaluations asked for and already known. */
  readonly reused: number;
  /** Forward passes of one sample through the whole network. */
  readonly networkEquivalents: number;
}

/**
 * Names an evaluation exactly: equal keys mean equal assignment, samples in order, and kind of result. `prefix` must identify
 * everything else that the result depends on (model, data, configuration, version of the kernels).
 */
export function evaluationKey(
  prefix: string,
  assignment: Assignment,
  indices?: readonly number[],
  distance?: OutputDistance,
): string {
  return [prefix, distance ?? "metrics", assignment.join(","), indices ? rangesOf(indices) : "all"].join("|");
}

/** An evaluator that answers from memory, then from the journal, then by evaluating. One call at a time. */
export class Memo {
  readonly #known = new Map<string, Evaluation>();
  readonly #start: number;
  #evaluations = 0;
  #samples = 0;
  #reused = 0;

  constructor(readonly evaluator: Evaluator, readonly journal?: Journal, readonly prefix = "") {
    this.#start = evaluator.networkEquivalents?.() ?? 0;
  }

  /** What was spent since the memo was made. */
  get spent(): Spent {
    return {
      evaluations: this.#evaluations,
      samples: this.#samples,
      reused: this.#reused,
      networkEquivalents: (this.evaluator.networkEquivalents?.() ?? this.#start + this.#samples) - this.#start,
    };
  }

  /** As `Evaluator.evaluate`. */
  async evaluate(assignment: Assignment, indices?: readonly number[], signal?: AbortSignal): Promise<Evaluation> {
    const [result] = await this.#answer(
      [assignment],
      (one) => evaluationKey(this.prefix, one, indices),
      indices,
      async ([one = []], take) => await take(0, await this.evaluator.evaluate(one, indices, signal)),
      signal,
    );
    return result as Evaluation;
  }

  /** As `Evaluator.evaluateEach`, all results at once. Each is in the journal before the evaluator goes on. */
  evaluateEach(
    base: Assignment,
    assignments: readonly Assignment[],
    indices: readonly number[],
    signal?: AbortSignal,
  ): Promise<Evaluation[]> {
    return this.#answer(
      assignments,
      (one) => evaluationKey(this.prefix, one, indices),
      indices,
      (missing, take) => this.evaluator.evaluateEach(this.#canonical(base), missing, indices, take, signal),
      signal,
    );
  }

  /** As `Evaluator.distances`, likewise; undefined where the evaluator cannot compare outputs. */
  async distances(
    distance: OutputDistance,
    base: Assignment,
    assignments: readonly Assignment[],
    indices: readonly number[],
    signal?: AbortSignal,
  ): Promise<Float64Array[] | undefined> {
    const { evaluator } = this;
    if (!evaluator.distances) return undefined;
    const results = await this.#answer(
      assignments,
      (one) => evaluationKey(this.prefix, one, indices, distance),
      indices,
      async (missing, take) => {
        const takeValues: TakeResult<Float64Array> = (place, values) =>
          take(place, { values: {}, perSample: { [distance]: values } });
        await evaluator.distances?.(distance, this.#canonical(base), missing, indices, takeValues, signal);
      },
      signal,
    );
    return results.map(({ perSample }) => perSample[distance] ?? new Float64Array());
  }

  async #answer(
    assignments: readonly Assignment[],
    keyOf: (assignment: Assignment) => string,
    indices: readonly number[] | undefined,
    evaluate: EvaluateMissing,
    signal: AbortSignal | undefined,
  ): Promise<Evaluation[]> {
    signal?.throwIfAborted();
    const canonical = assignments.map((one) => this.#canonical(one));
    const keys = canonical.map(keyOf);
    const missing = new Map<string, Assignment>();
    for (const [place, key] of keys.entries()) {
      const assignment = canonical[place] ?? [];
      const found = this.#known.get(key) ?? this.journal?.get(key) ?? this.#partOfWhole(key, assignment, indices);
      if (found) this.#known.set(key, found);
      else missing.set(key, assignment);
    }
    this.#reused += keys.length - missing.size;
    if (missing.size > 0) await this.#fill(missing, indices?.length ?? this.evaluator.sampleCount, evaluate);
    return keys.map((key) => this.#known.get(key) as Evaluation);
  }

  #canonical(assignment: Assignment): Assignment {
    return this.evaluator.canonical?.(assignment) ?? assignment;
  }

  /** The metrics over some samples, where those of the whole set are known and tell. */
  #partOfWhole(key: string, assignment: Assignment, indices: readonly number[] | undefined): Evaluation | undefined {
    if (!indices || key !== evaluationKey(this.prefix, assignment, indices)) return undefined;
    const whole = this.#known.get(evaluationKey(this.prefix, assignment));
    return whole && partOf(whole, indices, this.evaluator.metrics);
  }

  async #fill(
    missing: ReadonlyMap<string, Assignment>,
    sampleCount: number,
    evaluate: EvaluateMissing,
  ): Promise<void> {
    const keys = [...missing.keys()];
    await evaluate([...missing.values()], async (place, result) => {
      const key = keys[place];
      if (key === undefined || this.#known.has(key)) {
        throw new RangeError(`Cannot use evaluation ${place}: expected each of ${keys.length} once`);
      }
      this.#known.set(key, result);
      this.#evaluations++;
      this.#samples += sampleCount;
      await this.journal?.put(key, result);
    });
    const found = keys.filter((key) => this.#known.has(key)).length;
    if (found < keys.length) {
      throw new RangeError(`Cannot use evaluations: ${found} came back, expected ${keys.length}`);
    }
  }
}

/** Evaluates what is not known yet. */
type EvaluateMissing = (missing: readonly Assignment[], take: TakeResult<Evaluation>) => Promise<void>;

/** Indices as text, runs as `first-last`: exact, so that no two sample sets share a key. */
function rangesOf(indices: readonly number[]): string {
  const parts: string[] = [];
  for (let first = 0; first < indices.length;) {
    let last = first;
    while (indices[last + 1] === (indices[last] ?? 0) + 1) last++;
    parts.push(last === first ? `${indices[first]}` : `${indices[first]}-${indices[last]}`);
    first = last + 1;
  }
  return parts.join(",");
}
