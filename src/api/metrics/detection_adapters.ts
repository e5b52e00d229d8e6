/** Detection adapters by the names and options that metrics give them. */
import { UsageError } from "../../base/errors.ts";
import { didYouMean } from "../../data/spelling.ts";
import type { DetectionAdapter } from "../../evaluate/detections.ts";
import { fastestDetAdapter } from "../../evaluate/fastestdet_adapter.ts";
import { BOX_ORDERS, type BoxOrder, ssdAdapter } from "../../evaluate/ssd_adapter.ts";
import { yoloV3Adapter, yoloV5Adapter, yoloV8Adapter } from "../../evaluate/yolo_adapters.ts";
import type { MetricOptions, OptionTypes } from "./metric_options.ts";

/** Options that choose an adapter and tell it about the network. */
export const ADAPTER_OPTIONS: OptionTypes = {
  adapter: "text",
  anchors: "numbers",
  boxes: "number",
  scores: "number",
  classes: "number",
  order: "text",
  in_pixels: "boolean",
  background: "number",
};

interface AdapterRow {
  /** Options beside `adapter` that it takes. */
  readonly takes: readonly string[];
  create(options: MetricOptions): DetectionAdapter;
}

const ADAPTERS: Readonly<Record<string, AdapterRow>> = {
  fastestdet: { takes: [], create: () => fastestDetAdapter },
  ssd: { takes: ["boxes", "scores", "classes", "order", "in_pixels", "background"], create: createSsd },
  yolo_v3: { takes: ["anchors"], create: (options) => yoloV3Adapter(options.numbers("anchors")) },
  yolo_v5: { takes: [], create: () => yoloV5Adapter },
  yolo_v8: { takes: [], create: () => yoloV8Adapter },
};

/** The adapter that a metric's options name; throws UsageError where they do not, or tell it what it does not take. */
export function adapterNamed(metric: string, options: MetricOptions): DetectionAdapter {
  const name = options.text("adapter");
  const known = Object.keys(ADAPTERS);
  const row = ADAPTERS[name ?? ""];
  if (name === undefined || !row) {
    const found = name === undefined ? "no adapter is given" : `there is no adapter "${name}"`;
    const hint = didYouMean(name ?? "", known) || `, expected adapter=${known.join(", ")}`;
    throw new UsageError(`Cannot use metric "${metric}": ${found}${hint}`);
  }
  const stray = options.names.find((one) => one !== "adapter" && one in ADAPTER_OPTIONS && !row.takes.includes(one));
  if (stray !== undefined) {
    throw new UsageError(`Cannot use metric "${metric}": adapter ${name} has no option "${stray}"`);
  }
  return row.create(options);
}

function createSsd(options: MetricOptions): DetectionAdapter {
  return ssdAdapter(options.given({
    boxes: options.number("boxes"),
    scores: options.number("scores"),
    classes: options.number("classes"),
    order: options.choice<BoxOrder>("order", BOX_ORDERS),
    inPixels: options.boolean("in_pixels"),
    background: options.number("background"),
  }));
}
