import { ModelError } from "../base/errors.ts";
import { type DType, type HostTensor, hostTensor, knownType, type TensorType } from "../base/tensor.ts";
import { dtypeOf } from "../onnx/tensor.ts";
import { constantF32, constantI64 } from "./case_types.ts";
import { constantScalar, knownOperands } from "./constant_operand.ts";
import { checkFilled } from "./host_size.ts";
import { defineOp, type Operands } from "./op.ts";

/** ONNX MelWeightMatrix [dft_length / 2 + 1, bands]: triangles with peak 1, as far apart on the mel scale. */
export const melWeightMatrix = defineOp<{ dtype: DType }>({
  type: "MelWeightMatrix",
  since: 17,
  quant: { kind: "non_quantizable" },
  attributes: (raw) => ({ dtype: dtypeOf(raw.int("output_datatype", 1)) }),
  infer: (inputs, { dtype }) => [knownType(matrix(inputs, dtype))],
  lower: () => ({ dispatches: [] }),
  reference: (inputs, { dtype }) => [matrix(knownOperands(inputs), dtype)],
  cases: [
    {
      name: "eight bands",
      inputs: [...[8, 16, 8192].map((one) => constantI64([one], [])), constantF32([0], []), constantF32([4096], [])],
    },
    {
      name: "bands narrower than a bin",
      inputs: [...[40, 64, 16000].map((one) => constantI64([one], [])), constantF32([20], []), constantF32([7600], [])],
      attributes: { output_datatype: 11 },
    },
  ],
});

function matrix(inputs: Operands<TensorType>, dtype: DType): HostTensor {
  const [bands, length, rate, lowest, highest] = [
    "num_mel_bins",
    "dft_length",
    "sample_rate",
    "lower_edge_hertz",
    "upper_edge_hertz",
  ]
    .map((name, place) => constantScalar(inputs[place]!, name)) as [number, number, number, number, number];
  const rows = Math.floor(length / 2) + 1;
  if (!(bands >= 1) || !(length >= 1) || !(rate > 0) || !(lowest >= 0) || !(highest > lowest)) {
    throw new ModelError(
      `Cannot make ${bands} bands from ${lowest} to ${highest} Hz of ${length} samples at ${rate} Hz`,
    );
  }
  checkFilled([rows, bands]);
  const [low, high] = [melOf(lowest), melOf(highest)];
  // The specification's evaluator divides by the number of edges, not by one less.
  const edges = Array.from({ length: bands + 2 }, (_, place) => {
    const hertz = hertzOf(low + place * (high - low) / (bands + 2));
    return Math.floor((length + 1) * hertz / rate);
  });
  const values = new Array<number>(rows * bands).fill(0);
  for (let band = 0; band < bands; band++) {
    const [first, peak, last] = edges.slice(band, band + 3) as [number, number, number];
    const set = (row: number, value: number) => row < rows && (values[row * bands + band] = value);
    if (peak === first) set(peak, 1);
    else for (let row = first; row <= peak; row++) set(row, (row - first) / (peak - first));
    for (let row = peak; row < last; row++) set(row, (last - row) / (last - peak));
  }
  return hostTensor(dtype, [rows, bands], values);
}

function melOf(hertz: number): number {
  return 2595 * Math.log10(1 + hertz / 700);
}

function hertzOf(mel: number): number {
  return 700 * (10 ** (mel / 2595) - 1);
}
