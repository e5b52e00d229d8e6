/** What is done to the weights of a float network before quantizers are placed, so that it loses less in int8: it computes the same. */
import { UsageError } from "../base/errors.ts";
import type { TypedGraph } from "../ops/infer.ts";
import { type AlignablePair, alignmentRequests, alignPair, findAlignable } from "./channel_alignment.ts";
import { GraphView } from "./graph_view.ts";
import { findSmoothable, smoothingRequests, smoothValue } from "./smooth_quant.ts";
import type { ChannelStatisticsSource } from "./statistics.ts";
import { type EditedNetwork, WeightEdits } from "./weight_edits.ts";

/** Which equalizations to do. */
export interface EqualizationOptions {
  /** Between convolutions with nothing between: POT's ActivationChannelAlignment; `true` unless stated. */
  readonly channelAlignment?: boolean | undefined;
  /** In front of matrix products; `alpha`, from 0 to 1, is the share of the spread that weights take over: 0.5 unless stated. */
  readonly smoothQuant?: { readonly alpha?: number | undefined } | undefined;
}

/** A network whose channels are equalized. */
export interface EqualizedNetwork extends EditedNetwork {
  /** Names of the convolutions that took back what was aligned before them. */
  readonly aligned: ReadonlySet<string>;
  /** Activations that were smoothed. */
  readonly smoothed: readonly string[];
}

/** Share of the spread that weights take over, as its authors recommend. */
const ALPHA = 0.5;

/** Whether the options ask for anything that fits the network, which then takes a pass over the samples. */
export function isEqualizable(typed: TypedGraph, options: EqualizationOptions): boolean {
  const { pairs, values } = findEqualizable(new GraphView(typed), options);
  return pairs.length + values.length > 0;
}

function findEqualizable(view: GraphView, { channelAlignment = true, smoothQuant }: EqualizationOptions) {
  return { pairs: channelAlignment ? findAlignable(view) : [], values: smoothQuant ? findSmoothable(view) : [] };
}

/**
 * Equalizes a typed network by one pass over the samples; undefined where the options ask for nothing or nothing in the network fits.
 * Throws UsageError for an `alpha` outside 0 to 1.
 */
export async function equalize(
  typed: TypedGraph,
  source: ChannelStatisticsSource,
  options: EqualizationOptions,
): Promise<EqualizedNetwork | undefined> {
  const alpha = options.smoothQuant?.alpha ?? ALPHA;
  if (!(alpha >= 0 && alpha <= 1)) throw new UsageError(`Cannot use smooth_quant_alpha ${alpha}: expected 0 to 1`);
  const view = new GraphView(typed);
  const { pairs, values } = findEqualizable(view, options);
  if (pairs.length + values.length === 0) return undefined;
  const statistics = await source.channelQuantiles([...alignmentRequests(pairs), ...smoothingRequests(view, values)]);
  const ends = (place: number) => ({ low: statistics[2 * place]!, high: statistics[2 * place + 1]! });
  const edits = new WeightEdits(view);
  const aligned = pairs.filter((pair, place) => alignPair(edits, pair, ends(place)));
  values.forEach((value, place) => smoothValue(view, edits, value, { ...ends(pairs.length + place), alpha }));
  return { ...edits.finish(), aligned: namesOf(aligned), smoothed: values.map(({ value }) => value) };
}

/** What to tell of an equalization. */
export function describeEqualization({ aligned, smoothed, inserted }: EqualizedNetwork): string[] {
  const counted = (count: number, noun: string) => `${count} ${noun}${count === 1 ? "" : "s"}`;
  const are = smoothed.length === 1 ? "is" : "are";
  return [
    ...(aligned.size > 0 ? [`Channels are aligned in front of ${counted(aligned.size, "convolution")}`] : []),
    ...(smoothed.length > 0
      ? [
        `${counted(smoothed.length, "activation")} of matrix products ${are} smoothed, ` +
        `${inserted.size} by a product of their own`,
      ]
      : []),
  ];
}

function namesOf(pairs: readonly AlignablePair[]): Set<string> {
  return new Set(pairs.map(({ consumer }) => consumer.name));
}
