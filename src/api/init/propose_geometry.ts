/** How pictures come to the size that a network takes. */
import type { PictureSizes } from "../../data/survey_folder.ts";
import type { LabelChoice } from "./propose_labels.ts";
import type { PictureInput } from "./network_facts.ts";

/** A step of `preprocessing` as dataset.json has it. */
export type PreprocessingStep = { readonly type: string } & Readonly<Record<string, unknown>>;

/** Steps that bring a picture to size. */
export interface Geometry {
  readonly name: string;
  readonly steps: readonly PreprocessingStep[];
  readonly reason: string;
}

/** Side of pictures for networks that take any: what most classifiers, and most detectors, are trained with. */
const USUAL_SIDE = { classes: 224, boxes: 640 } as const;

/** Share of the shorter side that classifiers are usually shown: 224 of 256. */
const CENTRAL_SHARE = 0.875;

/** The plausible ways, the likeliest first. */
export function proposeGeometries(
  input: PictureInput,
  pictures: PictureSizes,
  kind: LabelChoice["kind"] | undefined,
): Geometry[] {
  const { width: stored, height: storedHeight, areEqual, shortestSide } = pictures;
  const shown = areEqual ? `pictures are ${stored}x${storedHeight}` : "pictures have different sizes";
  const isFree = input.width === undefined || input.height === undefined;
  if (isFree && areEqual) return [{ name: "as they are", steps: [], reason: `${shown}, the network takes any size` }];
  const usual = kind === "annotations" ? USUAL_SIDE.boxes : USUAL_SIDE.classes;
  const [width, height] = [input.width ?? input.height ?? usual, input.height ?? input.width ?? usual];
  const wanted = isFree
    ? `the network takes any size, ${width}x${height} is usual`
    : `the network takes ${width}x${height}`;
  if (areEqual && stored === width && storedHeight === height) {
    return [{ name: "as they are", steps: [], reason: `${shown}, as the network takes them` }];
  }
  const reason = `${shown}, ${wanted}`;
  const stretch: Geometry = { name: `resize to ${width}x${height}`, steps: [resizeTo(width, height)], reason };
  if (width !== height || (kind !== "classes" && kind !== undefined)) return [stretch];
  const crop = { type: "crop", size: width };
  const sides = [Math.round(width / CENTRAL_SHARE), width];
  const resized = sides.map((side): Geometry => ({
    name: `resize shorter side to ${side}, crop ${width}`,
    steps: [{ type: "resize", size: side, aspect_ratio_scale: "greater" }, crop],
    reason,
  }));
  const isNear = areEqual && shortestSide >= width && shortestSide * CENTRAL_SHARE <= width;
  if (isNear) return [{ name: `crop ${width}`, steps: [crop], reason }, stretch];
  return shortestSide < width ? [stretch, ...resized] : [...resized, stretch];
}

function resizeTo(width: number, height: number): PreprocessingStep {
  return width === height ? { type: "resize", size: width } : { type: "resize", dst_width: width, dst_height: height };
}
