import { ModelError, UnsupportedError } from "../base/errors.ts";
import { formatShape, type HostTensor, hostTensor, knownTensor, knownType, type TensorType } from "../base/tensor.ts";
import { constantScalar } from "./constant_operand.ts";
import { defineOp, type Operands } from "./op.ts";

interface SuppressionAttributes {
  /** Boxes are given by centre and size, not by two corners. */
  readonly centered: boolean;
}

/**
 * ONNX NonMaxSuppression: batch, class and box of the best boxes that overlap no better one. How many there are depends
 * on the data, so that it is evaluated on the host alone.
 */
export const nonMaxSuppression = defineOp<SuppressionAttributes>({
  type: "NonMaxSuppression",
  since: 10,
  quant: { kind: "non_quantizable" },
  dataDependent: [0, 1, 2, 3, 4],
  attributes: (raw) => ({ centered: raw.int("center_point_box", 0) === 1 }),
  infer: (inputs, attributes) => {
    const known = inputs.map((input) => input && knownTensor(input));
    if (known.some((input, place) => inputs[place] && !input)) {
      throw new UnsupportedError(
        "Cannot suppress boxes: the number of selected boxes is computed at run time, expected constant inputs",
      );
    }
    return [knownType(suppress(known, attributes))];
  },
  lower: () => {
    throw new UnsupportedError("Cannot suppress boxes: there is no kernel, expected constant inputs");
  },
  reference: (inputs, attributes) => [suppress(inputs, attributes)],
  cases: [],
  leastInputs: 2,
});

type Box = readonly [top: number, left: number, bottom: number, right: number];

function suppress(inputs: Operands<HostTensor>, { centered }: SuppressionAttributes): HostTensor {
  const [boxes, scores] = [inputs[0]!, inputs[1]!];
  const [batches, count] = boxes.shape as [number, number];
  const classes = scores.shape[1]!;
  if (boxes.shape.length !== 3 || boxes.shape[2] !== 4 || scores.shape.length !== 3 || scores.shape[2] !== count) {
    throw new ModelError(
      `Cannot suppress boxes: boxes are ${formatShape(boxes.shape)} and scores ${
        formatShape(scores.shape)
      }, expected ` +
        "[batch, boxes, 4] and [batch, classes, boxes]",
    );
  }
  const most = optional(inputs[2], "max_output_boxes_per_class", 0);
  const overlapLimit = optional(inputs[3], "iou_threshold", 0);
  const scoreLimit = optional(inputs[4], "score_threshold", -Infinity);
  const selected: number[] = [];
  for (let batch = 0; batch < batches; batch++) {
    for (let label = 0; label < classes; label++) {
      const score = (box: number) => scores.data[(batch * classes + label) * count + box]!;
      const kept: number[] = [];
      const ranked = Array.from({ length: count }, (_, box) => box).filter((box) => score(box) > scoreLimit)
        .sort((a, b) => score(b) - score(a) || a - b);
      for (const box of ranked) {
        if (kept.length >= most) break;
        const own = boxAt(boxes, batch * count + box, centered);
        const clear = kept.every((better) =>
          overlap(own, boxAt(boxes, batch * count + better, centered)) <= overlapLimit
        );
        if (clear) kept.push(box);
      }
      for (const box of kept) selected.push(batch, label, box);
    }
  }
  return hostTensor("int64", [selected.length / 3, 3], selected);
}

function optional(input: HostTensor | undefined, name: string, fallback: number): number {
  const type: TensorType | undefined = input && knownType(input);
  return type ? constantScalar(type, name) : fallback;
}

function boxAt({ data }: HostTensor, index: number, centered: boolean): Box {
  const [a, b, c, d] = data.subarray(index * 4, index * 4 + 4) as unknown as Box;
  if (centered) return [b - d / 2, a - c / 2, b + d / 2, a + c / 2];
  return [Math.min(a, c), Math.min(b, d), Math.max(a, c), Math.max(b, d)];
}

/** Area of the intersection over that of the union; 0 where either box is empty. */
function overlap(a: Box, b: Box): number {
  const area = ([top, left, bottom, right]: Box) => Math.max(bottom - top, 0) * Math.max(right - left, 0);
  const common = area([
    Math.max(a[0], b[0]),
    Math.max(a[1], b[1]),
    Math.min(a[2], b[2]),
    Math.min(a[3], b[3]),
  ]);
  const union = area(a) + area(b) - common;
  return union > 0 ? common / union : 0;
}
