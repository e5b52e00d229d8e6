/** RNN, GRU and LSTM. */
import { elementCount, type TensorType } from "../base/tensor.ts";
import { f32 } from "./case_types.ts";
import { defineOp, type OpCase, type OpDef } from "./op.ts";
import {
  CELLS,
  type CellType,
  type RecurrentAttributes,
  recurrentAttributes,
  recurrentOutputs,
  sequenceOf,
} from "./recurrent.ts";
import { lowerRecurrent } from "./recurrent_passes.ts";
import { runRecurrent } from "./recurrent_reference.ts";

function recurrentOp(type: CellType): OpDef {
  return defineOp<RecurrentAttributes>({
    type,
    since: 1,
    quant: { kind: "non_quantizable" },
    attributes: (raw, node) => recurrentAttributes(type, raw, node),
    infer: (inputs, attributes) => recurrentOutputs(type, inputs[0]!, sequenceOf(type, inputs, attributes), attributes),
    lower: (inputs, _outputs, attributes) => lowerRecurrent(type, inputs, attributes),
    reference: (inputs, attributes) => runRecurrent(type, inputs, sequenceOf(type, inputs, attributes), attributes),
    macs: ([x, w, r]) => elementCount(x!.shape.slice(0, 2)) * (elementCount(w!.shape) + elementCount(r!.shape)),
    cases: casesOf(type),
  });
}

/** Extents of a case. */
interface Extents {
  readonly steps: number;
  readonly batch: number;
  readonly depth: number;
  readonly hidden: number;
  readonly directions?: number;
}

function operands(type: CellType, { steps, batch, depth, hidden, directions = 1 }: Extents, isBatchMajor = false) {
  const { gates } = CELLS[type];
  const state = isBatchMajor ? f32(batch, directions, hidden) : f32(directions, batch, hidden);
  return {
    x: isBatchMajor ? f32(batch, steps, depth) : f32(steps, batch, depth),
    w: f32(directions, gates * hidden, depth),
    r: f32(directions, gates * hidden, hidden),
    b: f32(directions, 2 * gates * hidden),
    state,
    p: f32(directions, 3 * hidden),
  };
}

function casesOf(type: CellType): OpCase[] {
  const outputs = type === "LSTM" ? 3 : 2;
  const shared = {
    outputs,
    range: [-0.5, 0.5],
    tolerance: { relative: 1e-4, absolute: 1e-5, reason: "sums and exponentials round at every step" },
  } as const;
  const small = operands(type, { steps: 3, batch: 2, depth: 5, hidden: 7 });
  const both = operands(type, { steps: 4, batch: 3, depth: 2, hidden: 5, directions: 2 });
  const batchMajor = operands(type, { steps: 3, batch: 2, depth: 4, hidden: 3, directions: 2 }, true);
  const lengths: TensorType = { dtype: "int32", shape: [3], value: new Int32Array([4, 2, 3]) };
  const cell = (state: TensorType) => type === "LSTM" ? [state] : [];
  const names = CELLS[type].activations.map((_, place) => ["HardSigmoid", "Softsign", "LeakyRelu"][place]!);
  return [
    { ...shared, name: "defaults", inputs: [small.x, small.w, small.r], attributes: { hidden_size: 7 } },
    {
      ...shared,
      name: "bias and initial state",
      inputs: [small.x, small.w, small.r, small.b, undefined, small.state, ...cell(small.state)],
      attributes: { hidden_size: 7 },
    },
    {
      ...shared,
      name: "reverse, clip",
      inputs: [small.x, small.w, small.r, small.b],
      attributes: { hidden_size: 7, direction: "reverse", clip: 0.25 },
    },
    {
      ...shared,
      name: "both directions, lengths",
      inputs: [both.x, both.w, both.r, both.b, lengths, both.state, ...cell(both.state)],
      attributes: { hidden_size: 5, direction: "bidirectional" },
    },
    {
      ...shared,
      name: "batch major",
      inputs: [batchMajor.x, batchMajor.w, batchMajor.r, batchMajor.b, undefined, batchMajor.state],
      attributes: { hidden_size: 3, direction: "bidirectional", layout: 1 },
    },
    {
      ...shared,
      name: "other activations",
      inputs: [both.x, both.w, both.r],
      attributes: {
        hidden_size: 5,
        direction: "bidirectional",
        activations: [...names, ...CELLS[type].activations],
        activation_alpha: [0.3, 0.1],
        activation_beta: [0.6],
      },
    },
    ...ownCases(type).map((one) => ({ ...shared, ...one })),
  ];
}

function ownCases(type: CellType): OpCase[] {
  const { x, w, r, b, state, p } = operands(type, { steps: 3, batch: 2, depth: 5, hidden: 33 });
  if (type === "GRU") {
    const attributes = { hidden_size: 33, linear_before_reset: 1 };
    return [{ name: "linear before reset", inputs: [x, w, r, b], attributes }];
  }
  if (type === "LSTM") {
    return [
      { name: "peepholes", inputs: [x, w, r, b, undefined, state, state, p], attributes: { hidden_size: 33 } },
      { name: "coupled gates", inputs: [x, w, r, b], attributes: { hidden_size: 33, input_forget: 1 } },
    ];
  }
  return [{ name: "Relu", inputs: [x, w, r, b], attributes: { hidden_size: 33, activations: ["Relu"] } }];
}

/** The recurrent operators. */
export const RECURRENT_OPERATORS: readonly OpDef[] = [recurrentOp("RNN"), recurrentOp("GRU"), recurrentOp("LSTM")];
