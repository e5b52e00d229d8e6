/** FastestDet's single grid of cells. */
import { ModelError } from "../base/errors.ts";
import { formatShape } from "../base/tensor.ts";
import { centredBox, type Detection, type DetectionAdapter, sigmoid } from "./detections.ts";

/**
 * Reads [5 + C, H, W]: objectness, four box values and C class probabilities of each cell, one detection a cell.
 * `cx = (tanh(tx) + gx) / W`, `w = sigmoid(tw)`, likewise y and height; `score = objectness^0.6 * probability^0.4`.
 *
 * ```ts
 * import { fastestDetAdapter } from "@holdfast/holdfast";
 *
 * const output = { dtype: "float32" as const, shape: [6, 1, 1], data: Float32Array.of(0.9, 0, 0, 0.2, 0.1, 1) };
 * const [first] = fastestDetAdapter.decode([output], { width: 100, height: 100 });
 * console.log(first?.box, first?.score, first?.category);
 * ```
 */
export const fastestDetAdapter: DetectionAdapter = {
  name: "fastestdet",
  decode([grid], { width, height }) {
    const [channels = 0, rows = 0, columns = 0] = grid?.shape ?? [];
    if (!grid || grid.shape.length !== 3 || channels < 6) {
      throw new ModelError(
        `Cannot decode detections: output is ${
          formatShape(grid?.shape ?? [])
        }, expected [5 + classes, H, W] of FastestDet`,
      );
    }
    const cells = rows * columns;
    const at = (channel: number, cell: number) => grid.data[channel * cells + cell] ?? NaN;
    return Array.from({ length: cells }, (_, cell): Detection => {
      let category = 0;
      for (let one = 1; one < channels - 5; one++) if (at(5 + one, cell) > at(5 + category, cell)) category = one;
      const x = (Math.tanh(at(1, cell)) + cell % columns) / columns;
      const y = (Math.tanh(at(2, cell)) + Math.floor(cell / columns)) / rows;
      return {
        category,
        score: at(0, cell) ** 0.6 * at(5 + category, cell) ** 0.4,
        box: centredBox(x * width, y * height, sigmoid(at(3, cell)) * width, sigmoid(at(4, cell)) * height),
      };
    });
  },
};
