/** Progress on standard error: a live line on a terminal, nothing but finished steps in a pipe. */
import { formatCount, formatSeconds } from "../../mod.ts";
import type { Terminal } from "./terminal.ts";

/** Time between two drawings of the live line, in ms. */
const INTERVAL_MS = 100;

/** Columns of the bar. */
const BAR_WIDTH = 24;

/** Draws how far the present pass over samples is. */
export class Progress {
  readonly #terminal: Terminal;
  #started = performance.now();
  #drawn = 0;
  #done = Infinity;

  constructor(terminal: Terminal) {
    this.#terminal = terminal;
  }

  /** Samples done in the pass under way; fewer than before means a new pass. */
  show(what: string, done: number, total: number): void {
    const now = performance.now();
    if (done < this.#done) this.#started = now;
    this.#done = done;
    if (!this.#terminal.isLive || (done < total && now - this.#drawn < INTERVAL_MS)) return;
    this.#drawn = now;
    const seconds = (now - this.#started) / 1000;
    const rate = seconds > 0 ? done / seconds : 0;
    const filled = Math.round(BAR_WIDTH * done / Math.max(1, total));
    const bar = `[${"#".repeat(filled)}${" ".repeat(BAR_WIDTH - filled)}]`;
    const speed = rate > 0 && Number.isFinite(rate)
      ? `  ${formatCount(rate)}/s  ${formatSeconds((total - done) / rate)} left`
      : "";
    this.#terminal.showLive(`${what} ${bar} ${formatCount(done)} of ${formatCount(total)}${speed}`);
  }
}
