/** Reads the `preprocessing` list of a dataset.json; every type and key that is not understood is refused by name. */
import { DatasetError } from "../base/errors.ts";
import type { AspectRatioScale, ChannelAffine, CropExtent, PixelStep, Preprocessing } from "./preprocessing.ts";
import { type Interpolation, INTERPOLATIONS } from "./resize.ts";
import { didYouMean } from "./spelling.ts";

/** A step as the file has it, with where it stands for messages. */
interface Raw {
  readonly where: string;
  readonly values: Readonly<Record<string, unknown>>;
}

/** The keys of each type besides `type`. */
const KEYS: Readonly<Record<string, readonly string[]>> = {
  resize: [
    "size",
    "dst_width",
    "dst_height",
    "aspect_ratio_scale",
    "interpolation",
    "use_pillow",
    "resize_realization",
  ],
  crop: ["size", "dst_width", "dst_height", "central_fraction", "max_square", "use_pillow"],
  rgb_to_bgr: [],
  bgr_to_rgb: [],
  rgb_to_gray: [],
  normalization: ["mean", "std"],
};

/** Accuracy Checker's precomputed values, which it uses for `mean` and for `std`; those of imagenet are in BGR order. */
export const NAMED_VALUES: Readonly<Record<string, readonly number[]>> = {
  imagenet: [104.00698793, 116.66876762, 122.67891434],
  cifar10: [125.307, 122.961, 113.8575],
};

const INTERPOLATION_ALIASES: Readonly<Record<string, Interpolation>> = {
  linear: "bilinear",
  cubic: "bicubic",
};

/** What `interpolation` may be, in small letters. */
export const INTERPOLATION_NAMES: readonly string[] = [...INTERPOLATIONS, ...Object.keys(INTERPOLATION_ALIASES)];

/** What `aspect_ratio_scale` may be. */
export const ASPECT_RATIO_SCALES: readonly AspectRatioScale[] = [
  "width",
  "height",
  "greater",
  "fit_to_window",
  "min_ratio",
];

/** Largest width or height of a picture: that of JPEG. */
export const LARGEST_EXTENT = 65535;

/** Checks and translates the list; `file` names the configuration in errors. */
export function parsePreprocessing(list: unknown, file: string): Preprocessing {
  if (!Array.isArray(list)) throw new DatasetError(`Cannot read ${file}: "preprocessing" is no list`);
  const steps: PixelStep[] = [];
  let affine: ChannelAffine | undefined;
  list.forEach((entry: unknown, index) => {
    const raw = checkedEntry(entry, `Cannot read ${file}: preprocessing step ${index + 1}`);
    const type = String(raw.values.type);
    if (type === "normalization") {
      affine = composed(affine, parseAffine(raw));
      return;
    }
    const step = parseStep(type, raw);
    if (affine !== undefined && (step.type === "resize" || step.type === "gray")) {
      throw new DatasetError(`${raw.where} follows the normalization; put the normalization last`);
    }
    if (affine !== undefined && step.type === "reverse_channels") {
      affine = { mean: [...affine.mean].reverse(), std: [...affine.std].reverse() };
    }
    steps.push(step);
  });
  return { steps, affine };
}

function checkedEntry(entry: unknown, where: string): Raw {
  if (typeof entry !== "object" || entry === null || Array.isArray(entry)) {
    throw new DatasetError(`${where} is ${JSON.stringify(entry)}, expected an object with "type"`);
  }
  const values = entry as Readonly<Record<string, unknown>>;
  const type = values.type;
  const known = typeof type === "string" && Object.hasOwn(KEYS, type) ? KEYS[type] : undefined;
  if (known === undefined) {
    const hint = typeof type === "string" ? didYouMean(type, Object.keys(KEYS)) : "";
    throw new DatasetError(
      `${where} has type ${JSON.stringify(type)}, expected one of ${Object.keys(KEYS).join(", ")}${hint}`,
    );
  }
  for (const key of Object.keys(values)) {
    if (key !== "type" && !known.includes(key)) {
      const allowed = known.length === 0 ? "no keys" : known.join(", ");
      throw new DatasetError(
        `${where} (${type}) has the unknown key "${key}", expected ${allowed}${didYouMean(key, known)}`,
      );
    }
  }
  return { where: `${where} (${type})`, values };
}

function parseStep(type: string, raw: Raw): PixelStep {
  switch (type) {
    case "resize":
      return parseResize(raw);
    case "crop":
      return { type: "crop", extent: parseCropExtent(raw), halfEven: flag(raw, "use_pillow") };
    case "rgb_to_gray":
      return { type: "gray" };
    default:
      return { type: "reverse_channels" };
  }
}

function parseResize(raw: Raw): PixelStep {
  const realization = raw.values.resize_realization;
  if (realization !== undefined && realization !== "pillow") {
    throw new DatasetError(`${raw.where} has resize_realization ${JSON.stringify(realization)}, expected "pillow"`);
  }
  if (raw.values.use_pillow !== undefined && !flag(raw, "use_pillow")) {
    throw new DatasetError(`${raw.where} has use_pillow false, expected true: pictures are resized as Pillow does it`);
  }
  const size = parseSize(raw);
  if (size === undefined) throw new DatasetError(`${raw.where} has no "size", expected it or dst_width and dst_height`);
  return {
    type: "resize",
    ...size,
    scale: choice(raw, "aspect_ratio_scale", ASPECT_RATIO_SCALES, {}),
    interpolation: choice(raw, "interpolation", INTERPOLATIONS, INTERPOLATION_ALIASES) ?? "bilinear",
  };
}

function parseCropExtent(raw: Raw): CropExtent {
  const size = parseSize(raw);
  const fraction = raw.values.central_fraction;
  const square = flag(raw, "max_square");
  if ((size === undefined ? 0 : 1) + (fraction === undefined ? 0 : 1) + (square ? 1 : 0) !== 1) {
    throw new DatasetError(
      `${raw.where} needs exactly one of size (or dst_width and dst_height), central_fraction, max_square`,
    );
  }
  if (size !== undefined) return { kind: "size", ...size };
  if (square) return { kind: "square" };
  if (typeof fraction !== "number" || !(fraction > 0 && fraction <= 1)) {
    throw new DatasetError(
      `${raw.where} has central_fraction ${JSON.stringify(fraction)}, expected a number in (0, 1]`,
    );
  }
  return { kind: "fraction", fraction };
}

function parseSize(raw: Raw): { width: number; height: number } | undefined {
  const { size, dst_width, dst_height } = raw.values;
  if (size !== undefined) {
    if (dst_width !== undefined || dst_height !== undefined) {
      throw new DatasetError(`${raw.where} has both size and dst_width or dst_height, expected one of the two`);
    }
    const side = extent(raw, "size", size);
    return { width: side, height: side };
  }
  if (dst_width === undefined && dst_height === undefined) return undefined;
  return { width: extent(raw, "dst_width", dst_width), height: extent(raw, "dst_height", dst_height) };
}

function extent(raw: Raw, key: string, value: unknown): number {
  if (typeof value !== "number" || !Number.isInteger(value) || value < 1 || value > LARGEST_EXTENT) {
    throw new DatasetError(
      `${raw.where} has ${key} ${JSON.stringify(value) ?? "missing"}, expected an integer from 1 to ${LARGEST_EXTENT}`,
    );
  }
  return value;
}

function flag(raw: Raw, key: string): boolean {
  const value = raw.values[key] ?? false;
  if (typeof value === "boolean") return value;
  throw new DatasetError(`${raw.where} has ${key} ${JSON.stringify(value)}, expected true or false`);
}

function choice<T extends string>(
  raw: Raw,
  key: string,
  names: readonly T[],
  aliases: Readonly<Record<string, T>>,
): T | undefined {
  const value = raw.values[key];
  if (value === undefined) return undefined;
  const name = typeof value === "string" ? value.toLowerCase() : "";
  const found = names.find((candidate) => candidate === name) ??
    (Object.hasOwn(aliases, name) ? aliases[name] : undefined);
  if (found !== undefined) return found;
  const hint = didYouMean(name, names);
  throw new DatasetError(
    `${raw.where} has ${key} ${JSON.stringify(value)}, expected one of ${names.join(", ")}${hint}`,
  );
}

function parseAffine(raw: Raw): ChannelAffine {
  const mean = channelValues(raw, "mean");
  const std = channelValues(raw, "std");
  if (mean === undefined && std === undefined) throw new DatasetError(`${raw.where} has neither mean nor std`);
  if (std?.includes(0)) throw new DatasetError(`${raw.where} has std 0, expected numbers other than zero`);
  return { mean: mean ?? [0], std: std ?? [1] };
}

function channelValues(raw: Raw, key: string): readonly number[] | undefined {
  const value = raw.values[key];
  if (value === undefined) return undefined;
  if (typeof value === "string" && Object.hasOwn(NAMED_VALUES, value)) return NAMED_VALUES[value];
  const list: unknown[] = Array.isArray(value) ? value : [value];
  const numbers = list.filter((item): item is number => typeof item === "number" && Number.isFinite(item));
  if (numbers.length === list.length && list.length > 0) return numbers;
  const names = Object.keys(NAMED_VALUES).map((name) => `"${name}"`).join(", ");
  throw new DatasetError(
    `${raw.where} has ${key} ${JSON.stringify(value)}, expected a number, a list of numbers, or one of ${names}`,
  );
}

/** `((x - m1) / s1 - m2) / s2 = (x - (m1 + m2 * s1)) / (s1 * s2)` */
function composed(first: ChannelAffine | undefined, second: ChannelAffine): ChannelAffine {
  if (first === undefined) return second;
  const channels = Math.max(first.mean.length, first.std.length, second.mean.length, second.std.length);
  const at = (list: readonly number[], channel: number) => list[list.length === 1 ? 0 : channel] ?? NaN;
  const indices = Array.from({ length: channels }, (_, channel) => channel);
  return {
    mean: indices.map((c) => at(first.mean, c) + at(second.mean, c) * at(first.std, c)),
    std: indices.map((c) => at(first.std, c) * at(second.std, c)),
  };
}
