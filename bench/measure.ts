/** Timing: rounds in which every contender runs once, medians over the rounds. */
import type { Gpu } from "../src/gpu/device.ts";
import { PassTimer } from "../src/gpu/timing.ts";

/** Something to be timed; gives ms. */
export interface Contender {
  readonly name: string;
  run(): Promise<number>;
}

/** How long and how often to measure. */
export interface Effort {
  /** Rounds at least and at most. */
  readonly rounds: readonly [number, number];
  /** Time after which no further round starts once the least is done, in ms. */
  readonly budgetMs: number;
  /** Length of a round, in ms, above which one has to do; no round is too long where absent. */
  readonly longMs?: number;
}

/** Middle value; the mean of the two middle ones of an even number. */
export function median(values: readonly number[]): number {
  if (values.length === 0) return NaN;
  const sorted = [...values].sort((a, b) => a - b);
  const middle = sorted.length >> 1;
  return sorted.length % 2 === 1 ? sorted[middle]! : (sorted[middle - 1]! + sorted[middle]!) / 2;
}

/** Runs all contenders in turn, round by round, after one round that is not counted; gives the median of each. */
export async function interleave(contenders: readonly Contender[], effort: Effort): Promise<number[]> {
  return (await runRounds(contenders, effort)).map(median);
}

/** What `of` took beside `beside` in the same rounds: the median of the ratios, which a disturbance that outlasts a round leaves alone. */
export function pairedRatio(of: readonly number[], beside: readonly number[]): number {
  return median(of.map((time, round) => time / beside[round]!));
}

/** As `interleave`; gives the times of each contender, round by round. */
export async function runRounds(
  contenders: readonly Contender[],
  { rounds, budgetMs, longMs = Infinity }: Effort,
): Promise<number[][]> {
  const times = contenders.map((): number[] => []);
  const before = performance.now();
  for (const contender of contenders) await contender.run();
  const start = performance.now();
  const [least, most] = start - before > longMs ? [1, 1] : rounds;
  for (let round = 0; round < most; round++) {
    if (round >= least && performance.now() - start > budgetMs) break;
    // Whoever runs first may find caches cold: the order turns.
    for (let turn = 0; turn < contenders.length; turn++) {
      const index = (round + turn) % contenders.length;
      times[index]!.push(await contenders[index]!.run());
    }
  }
  return times;
}

/** Exponent k of the power law `time ~ size^k` that fits best: slope of the logarithms. */
export function growthExponent(sizes: readonly number[], times: readonly number[]): number {
  const xs = sizes.map(Math.log);
  const ys = times.map(Math.log);
  const mean = (values: readonly number[]) => values.reduce((sum, value) => sum + value, 0) / values.length;
  const [x, y] = [mean(xs), mean(ys)];
  const covariance = xs.reduce((sum, value, index) => sum + (value - x) * (ys[index]! - y), 0);
  return covariance / xs.reduce((sum, value) => sum + (value - x) ** 2, 0);
}

/** Time on the GPU of what `encode` encodes, in ms: from the end of an empty pass before it to the start of one behind it. */
export async function gpuTime(
  gpu: Gpu,
  nanosecondsPerTick: number,
  encode: (encoder: GPUCommandEncoder) => void,
): Promise<number> {
  using timer = new PassTimer(gpu, 2);
  const encoder = gpu.device.createCommandEncoder();
  encoder.beginComputePass({ timestampWrites: timer.next() }).end();
  encode(encoder);
  encoder.beginComputePass({ timestampWrites: timer.next() }).end();
  gpu.device.queue.submit([encoder.finish()]);
  const [before, after] = await timer.read(nanosecondsPerTick);
  return (after!.start - before!.start - before!.duration) / 1000;
}

/** Time until `work` has ended, in ms. */
export async function wallTime(work: () => Promise<unknown>): Promise<number> {
  const start = performance.now();
  await work();
  return performance.now() - start;
}
