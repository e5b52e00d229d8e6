/** The passes of recurrent operators: products with W at once, then one or two passes per time step. */
import inputCode from "../../shaders/recurrent_input.wgsl" with { type: "text" };
import startCode from "../../shaders/recurrent_start.wgsl" with { type: "text" };
import stepCode from "../../shaders/recurrent_step.wgsl" with { type: "text" };
import {
  type Dispatch,
  dispatch,
  linearGrid,
  type Lowering,
  type Shader,
  type Slot,
  WORKGROUP_SIZE,
} from "../base/dispatch.ts";
import { elementCount, type TensorType } from "../base/tensor.ts";
import type { Operands } from "./op.ts";
import {
  CELLS,
  type CellType,
  type RecurrentAttributes,
  recurrentOutputs,
  type Sequence,
  sequenceOf,
} from "./recurrent.ts";
import { activationFunction } from "./recurrent_activation.ts";
import { stridedCopy } from "./strided_copy.ts";

const inputShader: Shader<
  "WORKGROUP_SIZE" | "HAS_BIAS" | "ADDS_BOTH",
  "length" | "gates" | "batch" | "directions" | "depth" | "time_stride" | "batch_stride"
> = {
  name: "recurrent_input",
  code: inputCode,
  constants: ["WORKGROUP_SIZE", "HAS_BIAS", "ADDS_BOTH"],
  uniforms: ["length", "gates", "batch", "directions", "depth", "time_stride", "batch_stride"],
};
const startShader: Shader<
  "WORKGROUP_SIZE" | "HAS_HIDDEN" | "HAS_CELL",
  "length" | "hidden" | "batch" | "directions" | "direction_stride" | "batch_stride"
> = {
  name: "recurrent_start",
  code: startCode,
  constants: ["WORKGROUP_SIZE", "HAS_HIDDEN", "HAS_CELL"],
  uniforms: ["length", "hidden", "batch", "directions", "direction_stride", "batch_stride"],
};
const stepShader: Shader<
  | "WORKGROUP_SIZE"
  | "KIND"
  | "GATES"
  | "HAS_EXTRA"
  | "HAS_LENGTHS"
  | "HAS_CLIP"
  | "COUPLED"
  | "RESETS_AFTER"
  | "RESET",
  | "step"
  | "steps"
  | "hidden"
  | "batch"
  | "directions"
  | "reverse_from"
  | "time_stride"
  | "direction_stride"
  | "batch_stride"
  | "clip"
> = {
  name: "recurrent_step",
  code: stepCode,
  constants: [
    "WORKGROUP_SIZE",
    "KIND",
    "GATES",
    "HAS_EXTRA",
    "HAS_LENGTHS",
    "HAS_CLIP",
    "COUPLED",
    "RESETS_AFTER",
    "RESET",
  ],
  uniforms: [
    "step",
    "steps",
    "hidden",
    "batch",
    "directions",
    "reverse_from",
    "time_stride",
    "direction_stride",
    "batch_stride",
    "clip",
  ],
};

/** Temporaries: products with W, two states in turn, the reset state of a GRU, and Y where nobody asks for it. */
const GATES_OF_INPUT = "t0";
const STATES = ["t1", "t2"] as const;
const RESET_STATE = "t3";
const UNASKED_Y = "t4";

/** All passes of a recurrent node: products with W at once, then one or two passes per time step. */
export function lowerRecurrent(
  type: CellType,
  inputs: Operands<TensorType>,
  attributes: RecurrentAttributes,
): Lowering {
  const sequence = sequenceOf(type, inputs, attributes);
  const { steps, batch, hidden, directions } = sequence;
  const { gates } = CELLS[type];
  const units = directions * batch * hidden;
  const stateLength = type === "LSTM" ? 2 * units : units;
  const y: Slot = attributes.outputs[0] === false ? UNASKED_Y : "y0";
  const dispatches: Dispatch[] = [inputDispatch(type, inputs, sequence, attributes)];
  dispatches.push(startDispatch(inputs, sequence, attributes, stateLength));
  for (let step = 0; step < steps; step++) {
    const own = { type, inputs, sequence, attributes, step, y };
    const from = STATES[step % 2]!;
    const to = STATES[(step + 1) % 2]!;
    const needsReset = type === "GRU" && !attributes.resetsAfter;
    if (needsReset) dispatches.push(stepDispatch({ ...own, from, reset: from, to: RESET_STATE, isReset: true }));
    dispatches.push(stepDispatch({ ...own, from, reset: needsReset ? RESET_STATE : from, to, isReset: false }));
  }
  const last = STATES[steps % 2]!;
  const outputs = recurrentOutputs(type, inputs[0]!, sequence, attributes);
  outputs.slice(1).forEach((output, place) => {
    if (attributes.outputs[place + 1] === false) return;
    const offset = place * units;
    const isBatchMajor = attributes.isBatchMajor;
    const strides = isBatchMajor ? [hidden, batch * hidden, 1] : [batch * hidden, hidden, 1];
    const [a, b, c] = output.shape as [number, number, number];
    dispatches.push(
      ...stridedCopy([a, b, c], { slot: last, offset, strides }, { slot: `y${place + 1}`, strides: [b * c, c, 1] }),
    );
  });
  const yLength = y === "y0" ? 0 : elementCount(outputs[0]!.shape);
  return {
    dispatches,
    temporaries: [steps * directions * batch * gates * hidden, stateLength, stateLength, units, yLength],
  };
}

function inputDispatch(
  type: CellType,
  [_x, _w, _r, bias]: Operands<TensorType>,
  { steps, batch, hidden, depth, directions }: Sequence,
  { isBatchMajor }: RecurrentAttributes,
): Dispatch {
  const gates = CELLS[type].gates * hidden;
  const length = steps * directions * batch * gates;
  return dispatch(inputShader, {
    bindings: ["x0", "x1", bias ? "x3" : "x1", GATES_OF_INPUT],
    constants: { WORKGROUP_SIZE, HAS_BIAS: bias !== undefined, ADDS_BOTH: type !== "GRU" },
    uniforms: {
      length,
      gates,
      batch,
      directions,
      depth,
      time_stride: isBatchMajor ? depth : batch * depth,
      batch_stride: isBatchMajor ? steps * depth : depth,
    },
    workgroups: linearGrid(length, WORKGROUP_SIZE),
  });
}

function startDispatch(
  inputs: Operands<TensorType>,
  { batch, hidden, directions }: Sequence,
  { isBatchMajor }: RecurrentAttributes,
  length: number,
): Dispatch {
  const [hiddenState, cellState] = [inputs[5], inputs[6]];
  return dispatch(startShader, {
    bindings: [hiddenState ? "x5" : "x0", cellState ? "x6" : "x0", STATES[0]],
    constants: { WORKGROUP_SIZE, HAS_HIDDEN: hiddenState !== undefined, HAS_CELL: cellState !== undefined },
    uniforms: {
      length,
      hidden,
      batch,
      directions,
      direction_stride: isBatchMajor ? hidden : batch * hidden,
      batch_stride: isBatchMajor ? directions * hidden : hidden,
    },
    workgroups: linearGrid(length, WORKGROUP_SIZE),
  });
}

interface Step {
  readonly type: CellType;
  readonly inputs: Operands<TensorType>;
  readonly sequence: Sequence;
  readonly attributes: RecurrentAttributes;
  readonly step: number;
  readonly from: Slot;
  readonly reset: Slot;
  readonly to: Slot;
  readonly y: Slot;
  readonly isReset: boolean;
}

function stepDispatch({ type, inputs, sequence, attributes, step, from, reset, to, y, isReset }: Step): Dispatch {
  const { steps, batch, hidden, directions, reverseFrom } = sequence;
  const { isBatchMajor, clip, activations } = attributes;
  const extra = type === "LSTM" && inputs[7] ? "x7" : type === "GRU" && inputs[3] ? "x3" : undefined;
  const lengths = inputs[4];
  return dispatch(stepShader, {
    bindings: [GATES_OF_INPUT, "x2", extra ?? "x2", lengths ? "x4" : "x2", from, reset, to, y],
    constants: {
      WORKGROUP_SIZE,
      KIND: CELLS[type].kind,
      GATES: CELLS[type].gates,
      HAS_EXTRA: extra !== undefined,
      HAS_LENGTHS: lengths !== undefined,
      HAS_CLIP: clip > 0,
      COUPLED: attributes.isCoupled,
      RESETS_AFTER: attributes.resetsAfter,
      RESET: isReset,
    },
    uniforms: {
      step,
      steps,
      hidden,
      batch,
      directions,
      reverse_from: reverseFrom,
      time_stride: isBatchMajor ? directions * hidden : directions * batch * hidden,
      direction_stride: isBatchMajor ? hidden : batch * hidden,
      batch_stride: isBatchMajor ? steps * directions * hidden : hidden,
      clip,
    },
    functions: [0, 1, 2].map((place) =>
      activationFunction(place, activations.flatMap((one) => one[place] ? [one[place]] : []))
    ).join("\n"),
    workgroups: linearGrid(directions * batch * hidden, WORKGROUP_SIZE),
  });
}
