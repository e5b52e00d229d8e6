/** The part of npm's cli-progress that is used here: it comes without types. */

/** Settings of one bar. */
export interface BarOptions {
  readonly barsize: number;
  readonly barCompleteChar: string;
  readonly barIncompleteChar: string;
  /** Gives the line; `progress` is a share from 0 to 1. */
  readonly format: (options: BarOptions, parameters: { readonly progress: number }, payload: object) => string;
}

/** Settings of all bars. */
export interface MultiBarOptions extends BarOptions {
  readonly stream: unknown;
  readonly clearOnComplete: boolean;
  readonly hideCursor: boolean;
  /** False cuts long lines off at the edge of the terminal. */
  readonly linewrap: boolean;
  /** Whether the library reacts to signals. */
  readonly gracefulExit: boolean;
  readonly fps: number;
}

/** A bar of several. */
export interface Bar {
  update(value: number, payload?: object): void;
}

declare const cliProgress: {
  readonly MultiBar: new (options: MultiBarOptions) => {
    create(total: number, value: number, payload: object): Bar;
    remove(bar: Bar): boolean;
    update(): void;
    stop(): void;
  };
  readonly Format: { BarFormat(progress: number, options: BarOptions): string };
};
export default cliProgress;
