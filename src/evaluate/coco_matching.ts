/** COCO's rules of which detections are right, and the precision that follows; as pycocotools' COCOeval for all areas. */
import type { BoxAnnotation } from "../data/dataset.ts";
import { type Detection, intersectionOverUnion } from "./detections.ts";

/** How the detections of one class in one picture fared. */
export interface ClassMatches {
  /** Falling. */
  readonly scores: readonly number[];
  /** Per overlap threshold and detection: found an object. */
  readonly isRight: readonly Uint8Array[];
  /** Per overlap threshold and detection: neither right nor wrong, because it lies in a crowd. */
  readonly isIgnored: readonly Uint8Array[];
  /** Objects to be found; crowds do not count. */
  readonly objects: number;
}

/** Detections per picture and class that count: COCO's largest `maxDets`. */
const MAX_DETECTIONS = 100;

/** Recall levels at which precision is read. */
const RECALL_LEVELS = Array.from({ length: 101 }, (_, index) => index * 0.01);

/**
 * Gives each detection, best first, the free object of its class that it overlaps most, if by at least the threshold. Crowds come last
 * and take any number of detections. Both lists are of one class.
 */
export function matchClass(
  truths: readonly BoxAnnotation[],
  detections: readonly Detection[],
  thresholds: readonly number[],
): ClassMatches {
  const sorted = [...detections].sort((a, b) => b.score - a.score).slice(0, MAX_DETECTIONS);
  if (truths.length === 0) return withoutObjects(sorted, thresholds);
  const objects = [...truths].sort((a, b) => Number(a.crowd) - Number(b.crowd));
  const overlaps = sorted.map(({ box }) => objects.map((one) => intersectionOverUnion(box, one.box, one.crowd)));
  const results = thresholds.map((threshold) => matchAt(objects, overlaps, threshold));
  return {
    scores: sorted.map(({ score }) => score),
    isRight: results.map(({ isRight }) => isRight),
    isIgnored: results.map(({ isIgnored }) => isIgnored),
    objects: objects.filter(({ crowd }) => !crowd).length,
  };
}

/** Most classes that a detector names do not occur: every detection is wrong at every threshold. */
function withoutObjects(sorted: readonly Detection[], thresholds: readonly number[]): ClassMatches {
  const none = thresholds.map(() => new Uint8Array(0));
  return { scores: sorted.map(({ score }) => score), isRight: none, isIgnored: none, objects: 0 };
}

function matchAt(
  objects: readonly BoxAnnotation[],
  overlaps: readonly (readonly number[])[],
  threshold: number,
): { isRight: Uint8Array; isIgnored: Uint8Array } {
  const isTaken = new Uint8Array(objects.length);
  const isRight = new Uint8Array(overlaps.length);
  const isIgnored = new Uint8Array(overlaps.length);
  overlaps.forEach((row, detection) => {
    const place = bestObject(objects, row, isTaken, threshold);
    if (place === undefined) return;
    isTaken[place] = 1;
    (objects[place]?.crowd ? isIgnored : isRight)[detection] = 1;
  });
  return { isRight, isIgnored };
}

/** Of objects that overlap equally the last one wins; crowds are looked at only where no object fits. */
function bestObject(
  objects: readonly BoxAnnotation[],
  overlaps: readonly number[],
  isTaken: Uint8Array,
  threshold: number,
): number | undefined {
  let best: number | undefined;
  let reached = Math.min(threshold, 1 - 1e-10);
  for (const [place, { crowd }] of objects.entries()) {
    if (isTaken[place] && !crowd) continue;
    if (crowd && best !== undefined && !objects[best]?.crowd) break;
    const overlap = overlaps[place] ?? 0;
    if (overlap < reached) continue;
    reached = overlap;
    best = place;
  }
  return best;
}

/**
 * Average precision of one class at one threshold: the mean over 101 recall levels of the best precision at that recall or above.
 * Undefined where there are no objects. `pictures` are taken in order: among equal scores earlier ones lead.
 */
export function averagePrecision(pictures: readonly ClassMatches[], threshold: number): number | undefined {
  const objects = pictures.reduce((sum, picture) => sum + picture.objects, 0);
  if (objects === 0) return undefined;
  const entries = pictures.flatMap(({ scores, isRight, isIgnored }) =>
    scores.map((score, place) => ({
      score,
      right: isRight[threshold]?.[place] ?? 0,
      ignored: isIgnored[threshold]?.[place] ?? 0,
    }))
  ).sort((a, b) => b.score - a.score);
  const recalls: number[] = [];
  const precisions: number[] = [];
  let right = 0;
  let wrong = 0;
  for (const entry of entries) {
    if (entry.right) right++;
    else if (!entry.ignored) wrong++;
    recalls.push(right / objects);
    precisions.push(right / (right + wrong + Number.EPSILON));
  }
  for (let place = precisions.length - 2; place >= 0; place--) {
    precisions[place] = Math.max(precisions[place] ?? 0, precisions[place + 1] ?? 0);
  }
  let sum = 0;
  let place = 0;
  for (const level of RECALL_LEVELS) {
    while (place < recalls.length && (recalls[place] ?? 0) < level) place++;
    sum += precisions[place] ?? 0;
  }
  return sum / RECALL_LEVELS.length;
}
