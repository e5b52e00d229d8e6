/** What object detectors find, and what their adapters share. */
import type { HostTensor } from "../base/tensor.ts";

/** Left, top, width, height. */
export type Box = readonly [number, number, number, number];

/** One object that a network found. */
export interface Detection {
  /** Class index as the network counts, without a background class. */
  readonly category: number;
  /** Confidence, 0 to 1. */
  readonly score: number;
  /** In pixels of the network's input. */
  readonly box: Box;
}

/** Size of the network's input in pixels. */
export interface InputSize {
  /** In pixels. */
  readonly width: number;
  /** In pixels. */
  readonly height: number;
}

/** Turns the outputs of one sample into detections, in no particular order. */
export interface DetectionAdapter {
  /** Name, part of what evaluations are kept under. */
  readonly name: string;
  /** Boxes of one sample, in pixels of the network's input. */
  decode(outputs: readonly HostTensor[], size: InputSize): Detection[];
}

/** Which detections of a network count. */
export interface DetectionFilter {
  /** Scores must be above this. */
  readonly score: number;
  /** Overlap (intersection over union) above which the weaker of two detections of a class is dropped; 1 keeps all. */
  readonly iou: number;
  /** How many of the best are kept. */
  readonly limit: number;
}

/** The best detections, best first: those above the score that no better one of their class overlaps too much. */
export function filterDetections(detections: readonly Detection[], filter: DetectionFilter): Detection[] {
  const sorted = detections.filter(({ score }) => score > filter.score).sort((a, b) => b.score - a.score);
  const kept: Detection[] = [];
  for (const one of sorted) {
    if (kept.length >= filter.limit) break;
    const isCovered = filter.iou < 1 &&
      kept.some((other) => other.category === one.category && intersectionOverUnion(other.box, one.box) > filter.iou);
    if (!isCovered) kept.push(one);
  }
  return kept;
}

/**
 * Shared area over joint area; 0 where boxes only touch. Of a detection in a crowd: over the detection's own area, since part of a
 * crowd is a right answer (COCO's rule).
 */
export function intersectionOverUnion(detection: Box, truth: Box, isCrowd = false): number {
  const width = Math.min(detection[0] + detection[2], truth[0] + truth[2]) - Math.max(detection[0], truth[0]);
  const height = Math.min(detection[1] + detection[3], truth[1] + truth[3]) - Math.max(detection[1], truth[1]);
  if (width <= 0 || height <= 0) return 0;
  const shared = width * height;
  const own = detection[2] * detection[3];
  return shared / (isCrowd ? own : own + truth[2] * truth[3] - shared);
}

/** A box around a centre. */
export function centredBox(x: number, y: number, width: number, height: number): Box {
  return [x - width / 2, y - height / 2, width, height];
}

/** The logistic function. */
export function sigmoid(x: number): number {
  return 1 / (1 + Math.exp(-x));
}
