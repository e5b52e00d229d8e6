/** Bars at the bottom of a terminal, drawn by cli-progress. */
import process from "node:process";
// @ts-types="./cli_progress.d.ts"
import cliProgress, { type Bar, type BarOptions } from "cli-progress";
import type { LiveRow } from "./terminal.ts";

/** Columns of the name, of the figures, and of the bar between them where the terminal is wide enough. */
const [NAME_WIDTH, TEXT_WIDTH, BAR_WIDTH] = [26, 44, 24];

/** Where the target stands in a bar. */
const MARK = "┃";

/** Colours of a bar: under way, above the target, within it. */
const COLOURS = { neutral: 36, missed: 33, met: 32 } as const;

/** Rows that are drawn over themselves on standard error. */
export class LiveBars {
  #screen: InstanceType<typeof cliProgress.MultiBar> | undefined;
  #bars: Bar[] = [];
  #rows: readonly LiveRow[] = [];

  /** Draws rows in the place of those before them: new ones at once, others when it is time, ten times a second. */
  show(rows: readonly LiveRow[]): void {
    if (rows.length !== this.#bars.length) this.hide();
    const isNew = this.#screen === undefined || rows.some(({ name }, place) => name !== this.#rows[place]?.name);
    const screen = this.#screen ??= openScreen();
    rows.forEach((row, place) => {
      const bar = this.#bars[place] ??= screen.create(1, row.progress, row);
      bar.update(row.progress, row);
    });
    this.#rows = rows;
    // The timer that draws may have to wait for work that holds the thread.
    if (isNew) screen.update();
  }

  /** Takes the rows off the terminal, so that lines can be written. */
  hide(): void {
    this.#screen?.stop();
    this.#screen = undefined;
    this.#bars = [];
  }

  /** Shows again what `hide` took off. */
  restore(): void {
    if (this.#rows.length > 0) this.show(this.#rows);
  }

  /** Takes the rows off for good. */
  clear(): void {
    this.hide();
    this.#rows = [];
  }
}

function openScreen() {
  return new cliProgress.MultiBar({
    stream: process.stderr,
    clearOnComplete: true,
    hideCursor: true,
    linewrap: false,
    gracefulExit: false,
    fps: 10,
    barsize: Math.max(8, Math.min(BAR_WIDTH, Deno.consoleSize().columns - NAME_WIDTH - TEXT_WIDTH)),
    barCompleteChar: "█",
    barIncompleteChar: "░",
    format: (options, { progress }, payload) => formatRow(payload as LiveRow, progress, options),
  });
}

function formatRow({ name, mark, text }: LiveRow, progress: number, options: BarOptions): string {
  const plain = cliProgress.Format.BarFormat(progress, options);
  const place = mark === undefined ? -1 : Math.min(options.barsize - 1, Math.round(mark * options.barsize));
  const marked = place < 0 ? plain : `${plain.slice(0, place)}${MARK}${plain.slice(place + 1)}`;
  const colour = mark === undefined ? COLOURS.neutral : progress > mark ? COLOURS.missed : COLOURS.met;
  const bar = Deno.noColor ? marked : `\x1b[${colour}m${marked}\x1b[0m`;
  const title = name.length > NAME_WIDTH ? `${name.slice(0, NAME_WIDTH - 1)}…` : name.padEnd(NAME_WIDTH);
  return `${title} ${bar} ${text}`;
}
