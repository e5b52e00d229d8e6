/** Progress of work on samples: bars on a terminal, now and then a line in a pipe. */
import { formatCount, formatRate, formatSeconds } from "../../mod.ts";
import type { LiveRow, Terminal } from "./terminal.ts";

/** In a pipe, time after which work that is still under way is told of, in ms. */
const SILENCE_MS = 60_000;

/** One of several parts, the first of which takes about as long as all others: they use what it gathered. */
export interface Part {
  /** From 1. */
  readonly number: number;
  readonly count: number;
}

/** Shows how far the present work is, how fast it goes and how long it will take. */
export class Progress {
  readonly #terminal: Terminal;
  readonly #now: () => number;
  #what = "";
  #part: Part | undefined;
  /** When the first of the parts began. */
  #begun = 0;
  #passBegun = 0;
  #done = Infinity;
  #said = 0;
  /** Passes over before this one, within the part. */
  #passes = 0;

  /** `now` gives the time in ms. */
  constructor(terminal: Terminal, now: () => number = () => performance.now()) {
    this.#terminal = terminal;
    this.#now = now;
  }

  /** Work begins under a name, in one piece or as one of several parts. */
  begin(what: string, part?: Part, others: readonly LiveRow[] = []): void {
    const now = this.#now();
    if (part === undefined || part.number === 1) this.#begun = now;
    this.#what = what;
    this.#part = part;
    this.#passes = 0;
    this.#done = Infinity;
    this.#said = now;
    this.#terminal.showLive([{ name: what, progress: this.#share(0), text: "" }, ...others]);
  }

  /** Samples done in the pass under way, fewer than before in a new pass; `others` are shown below. */
  show(done: number, total: number, others: readonly LiveRow[] = []): void {
    const now = this.#now();
    if (done < this.#done) {
      if (this.#done !== Infinity) this.#passes++;
      this.#passBegun = now;
    }
    this.#done = done;
    const text = this.#describe(now, done, total);
    if (this.#terminal.isLive) {
      this.#terminal.showLive([{ name: this.#what, progress: this.#share(done / total), text }, ...others]);
    } else if (now - this.#said > SILENCE_MS) {
      this.#said = now;
      this.#terminal.say(`  … ${this.#what}: ${text}`);
    }
  }

  #describe(now: number, done: number, total: number): string {
    const seconds = (now - this.#passBegun) / 1000;
    const rate = done / seconds;
    const count = `${formatCount(done)} of ${formatCount(total)} samples`;
    if (!(rate > 0) || !Number.isFinite(rate)) return count;
    const share = this.#share(done / total);
    const left = this.#part ? (now - this.#begun) / 1000 * (1 - share) / share : (total - done) / rate;
    return `${count}, ${formatRate(rate)}/s, ${formatSeconds(left)} left`;
  }

  /** Share of all parts. Nobody knows how many passes a part takes: each is taken for half of what is left of it. */
  #share(ofPass: number): number {
    if (!this.#part) return ofPass;
    const { number, count } = this.#part;
    const ofPart = 1 - 0.5 ** this.#passes * (1 - ofPass / 2);
    if (count === 1) return ofPart;
    return number === 1 ? ofPart / 2 : (1 + (number - 2 + ofPart) / (count - 1)) / 2;
  }
}
