/** What the reverting loops share: how they end, and what the default one remembers. */
import type { RankedGroup, Ranking } from "./ranking.ts";
import type { State } from "./run.ts";

/** How a loop ended. */
export interface LoopEnd {
  /** Accepted states from the first to the one in which the loop ended; never empty. */
  readonly path: readonly State[];
  readonly reached: boolean;
  /** No group was left to revert. */
  readonly exhausted: boolean;
}

/** What the default loop remembers between iterations. */
export interface Search {
  readonly path: State[];
  current: State;
  ranking: Ranking;
  /** Ranked groups that are still quantized, with scores that account for what mending has won already. */
  waiting: readonly RankedGroup[];
  /** The state in which `ranking` was made. */
  rankedState: State;
  /** Groups are to be ranked again before the next attempt. */
  isStale: boolean;
  /** Reversions tried in the current state that did not make the drop smaller. */
  rejected: readonly { readonly group: number; readonly state: State }[];
  /** Group → candidates that need no further try. */
  readonly mended: Map<number, ReadonlySet<number>>;
  /** Attempts so far, undone ones included. */
  iterations: number;
}

/** Makes `state` the current one. What was tried in the state before it may be tried again. */
export function acceptState(search: Search, state: State): void {
  search.path.push(state);
  search.current = state;
  search.rejected = [];
}
