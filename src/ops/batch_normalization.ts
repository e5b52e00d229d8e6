import code from "../../shaders/batch_normalization.wgsl" with { type: "text" };
import vectorCode from "../../shaders/batch_normalization4.wgsl" with { type: "text" };
import { dispatch, linearGrid, type Shader, WORKGROUP_SIZE } from "../base/dispatch.ts";
import { ModelError, UnsupportedError } from "../base/errors.ts";
import { allocate, elementCount, formatShape, type HostTensor, hostTensor } from "../base/tensor.ts";
import { f32 } from "./case_types.ts";
import { defineOp, type OpCase, type Operands } from "./op.ts";

const shader: Shader<"WORKGROUP_SIZE", "length" | "channels" | "inner" | "epsilon"> = {
  name: "batch_normalization",
  code,
  constants: ["WORKGROUP_SIZE"],
  uniforms: ["length", "channels", "inner", "epsilon"],
  epilogue: true,
};

/** The same, four elements at a time. */
const vectorShader: typeof shader = { ...shader, name: "batch_normalization4", code: vectorCode };

const NAMES = ["scale", "B", "mean", "var"];

interface BatchNormalizationAttributes {
  readonly epsilon: number;
  /** Share of the old running statistics in the new ones. */
  readonly momentum: number;
  /** Mean and variance are those of x itself, which for samples means that results depend on what else is in the batch. */
  readonly training: boolean;
}

/**
 * ONNX BatchNormalization in inference: `(x - mean) / √(var + ε) · scale + B` per index of axis 1. In training mode it normalizes
 * constants alone: networks with standardized weights are exported so.
 */
export const batchNormalization = defineOp<BatchNormalizationAttributes>({
  type: "BatchNormalization",
  since: 1,
  quant: { kind: "inputs_quantizable", inputs: [0] },
  attributes: (raw, { outputs }) => {
    raw.ignore("is_test", "consumed_inputs");
    const training = raw.int("training_mode", 0) !== 0;
    if (!training && outputs.slice(1).some((asked) => asked)) throw trainingModeRefused();
    if (raw.int("spatial", 1) !== 1) throw new UnsupportedError('Cannot use attribute "spatial": found 0, expected 1');
    return { epsilon: Math.fround(raw.float("epsilon", 1e-5)), momentum: raw.float("momentum", 0.9), training };
  },
  infer: ([x, ...parameters], { training }) => {
    if (x!.shape.length < 2) {
      throw new ModelError(`Cannot normalize shape ${formatShape(x!.shape)}: expected rank 2 or more`);
    }
    parameters.forEach((one, place) => {
      if (one!.shape.length !== 1 || one!.shape[0] !== x!.shape[1]) {
        throw new ModelError(
          `Cannot use ${NAMES[place]} of shape ${formatShape(one!.shape)}: expected [${x!.shape[1]}]`,
        );
      }
    });
    if (!training) return [{ dtype: x!.dtype, shape: x!.shape }];
    if (![x, ...parameters].every((input) => input?.value)) throw trainingModeRefused();
    return [x!, parameters[2]!, parameters[3]!].map(({ dtype, shape }) => ({ dtype, shape }));
  },
  lower: ([x], _outputs, { epsilon }) => {
    const plane = elementCount(x!.shape.slice(2));
    const inVectors = plane % 4 === 0 && elementCount(x!.shape) > 0;
    const inner = inVectors ? plane / 4 : plane;
    const length = elementCount(x!.shape.slice(0, 2)) * inner;
    return {
      dispatches: [dispatch(inVectors ? vectorShader : shader, {
        bindings: ["x0", "x1", "x2", "x3", "x4", "y0"],
        constants: { WORKGROUP_SIZE },
        uniforms: { length, channels: x!.shape[1]!, inner, epsilon },
        workgroups: linearGrid(length, WORKGROUP_SIZE),
      })],
    };
  },
  reference: (inputs, attributes) => {
    if (attributes.training) return normalizeByItself(inputs, attributes);
    const { epsilon } = attributes;
    const [x, scale, bias, mean, variance] = inputs;
    const [batch, channels] = x!.shape;
    const inner = elementCount(x!.shape.slice(2));
    const data = allocate(x!.dtype, x!.data.length);
    let index = 0;
    for (let n = 0; n < batch!; n++) {
      for (let c = 0; c < channels!; c++) {
        const deviation = Math.sqrt(variance!.data[c]! + epsilon);
        for (let at = 0; at < inner; at++, index++) {
          data[index] = (x!.data[index]! - mean!.data[c]!) / deviation * scale!.data[c]! + bias!.data[c]!;
        }
      }
    }
    return [{ ...x!, data }];
  },
  cases: [
    normalization("rank 2", [3, 5]),
    normalization("rank 3", [2, 3, 65]),
    normalization("rank 4", [2, 3, 5, 7]),
    normalization("in vectors", [2, 3, 2, 34]),
    normalization("rank 5", [1, 2, 3, 4, 5]),
    { ...normalization("epsilon", [2, 3, 5, 7]), attributes: { epsilon: 0.01, momentum: 0.5 } },
    { ...normalization("opset 7", [2, 3, 5]), opset: 7 },
    normalization("empty", [0, 3, 2]),
  ],
});

function trainingModeRefused(): UnsupportedError {
  return new UnsupportedError("Cannot normalize in training mode: expected a model exported for inference");
}

/** The result, and the running mean and variance that it leads to. */
function normalizeByItself(
  [x, scale, bias, mean, variance]: Operands<HostTensor>,
  { epsilon, momentum }: BatchNormalizationAttributes,
): HostTensor[] {
  const [batch, channels] = x!.shape as [number, number];
  const inner = elementCount(x!.shape.slice(2));
  const data = allocate(x!.dtype, x!.data.length);
  const [means, variances] = [new Float64Array(channels), new Float64Array(channels)];
  for (let c = 0; c < channels; c++) {
    const eachOfChannel = (visit: (index: number) => void) => {
      for (let n = 0; n < batch; n++) {
        const start = (n * channels + c) * inner;
        for (let index = start; index < start + inner; index++) visit(index);
      }
    };
    let [sum, squares] = [0, 0];
    eachOfChannel((index) => sum += x!.data[index]!);
    const ownMean = sum / (batch * inner);
    eachOfChannel((index) => squares += (x!.data[index]! - ownMean) ** 2);
    const ownVariance = squares / (batch * inner);
    const factor = scale!.data[c]! / Math.sqrt(ownVariance + epsilon);
    eachOfChannel((index) => data[index] = (x!.data[index]! - ownMean) * factor + bias!.data[c]!);
    means[c] = ownMean;
    variances[c] = ownVariance;
  }
  const running = (before: HostTensor, found: Float64Array) => {
    const values = found.map((value, c) => before.data[c]! * momentum + value * (1 - momentum));
    return hostTensor(before.dtype, before.shape, values);
  };
  return [{ ...x!, data }, running(mean!, means), running(variance!, variances)];
}

function normalization(name: string, shape: readonly number[]): OpCase {
  const channels = f32(shape[1]!);
  return {
    name,
    inputs: [f32(...shape), channels, channels, channels, channels],
    range: [0.1, 4],
    tolerance: { relative: 1e-5, absolute: 1e-5, reason: "the factor is rounded before it multiplies" },
  };
}
