/** The cosine windows of signal processing (ONNX opset 17). */
import { ModelError } from "../base/errors.ts";
import { type DType, type HostTensor, hostTensor, knownType } from "../base/tensor.ts";
import { dtypeOf } from "../onnx/tensor.ts";
import { constantI64 } from "./case_types.ts";
import { constantScalar } from "./constant_operand.ts";
import { checkFilled } from "./host_size.ts";
import { defineOp, type OpDef } from "./op.ts";

interface WindowAttributes {
  readonly periodic: boolean;
  readonly dtype: DType;
}

/** `Σ (-1)ᵏ coefficients[k] cos(2πkn / N)`, N the size, or one less for a symmetric window. */
function windowOp(type: string, coefficients: readonly number[]): OpDef {
  const build = (size: number, { periodic, dtype }: WindowAttributes): HostTensor => {
    if (!Number.isInteger(size) || size < 0) throw new ModelError(`Cannot make window of size ${size}`);
    checkFilled([size]);
    const period = periodic ? size : size - 1;
    const values = Array.from(
      { length: size },
      (_, n) => coefficients.reduce((sum, one, k) => sum + (-1) ** k * one * Math.cos(2 * Math.PI * k * n / period), 0),
    );
    return hostTensor(dtype, [size], values);
  };
  return defineOp<WindowAttributes>({
    type,
    since: 17,
    quant: { kind: "non_quantizable" },
    attributes: (raw) => ({ periodic: raw.int("periodic", 1) === 1, dtype: dtypeOf(raw.int("output_datatype", 1)) }),
    infer: ([size], attributes) => [knownType(build(constantScalar(size!, "size"), attributes))],
    lower: () => ({ dispatches: [] }),
    reference: ([size], attributes) => [build(size!.data[0] ?? NaN, attributes)],
    cases: [
      { name: "periodic", inputs: [constantI64([10], [])] },
      { name: "symmetric", inputs: [constantI64([10], [])], attributes: { periodic: 0 } },
      { name: "float64", inputs: [constantI64([7], [])], attributes: { output_datatype: 11 } },
    ],
  });
}

/** HannWindow, HammingWindow and BlackmanWindow. */
export const WINDOW_OPERATORS: readonly OpDef[] = [
  windowOp("HannWindow", [0.5, 0.5]),
  windowOp("HammingWindow", [25 / 46, 21 / 46]),
  windowOp("BlackmanWindow", [0.42, 0.5, 0.08]),
];
