/** What RNN, GRU and LSTM share: attributes, operands and results. */
import { ModelError, UnsupportedError } from "../base/errors.ts";
import { formatShape, type TensorType } from "../base/tensor.ts";
import type { AttributeReader } from "../graph/attributes.ts";
import type { NodeSignature, Operands } from "./op.ts";
import { type RecurrentActivation, recurrentActivations } from "./recurrent_activation.ts";

/** The three cells, with the number that the kernel knows them by, their gates, and their activations by default. */
export const CELLS = {
  RNN: { kind: 0, gates: 1, activations: ["Tanh"] },
  LSTM: { kind: 1, gates: 4, activations: ["Sigmoid", "Tanh", "Tanh"] },
  GRU: { kind: 2, gates: 3, activations: ["Sigmoid", "Tanh"] },
} as const;

export type CellType = keyof typeof CELLS;

/** Attributes of a recurrent node. */
export interface RecurrentAttributes {
  readonly direction: "forward" | "reverse" | "bidirectional";
  readonly hidden: number | undefined;
  /** One list per direction. */
  readonly activations: readonly (readonly RecurrentActivation[])[];
  readonly clip: number;
  /** Whether samples come before time steps in x, y and the states. */
  readonly isBatchMajor: boolean;
  /** LSTM: the forget gate is 1 - the input gate. */
  readonly isCoupled: boolean;
  /** GRU: the reset gate is applied to the product rather than to the state. */
  readonly resetsAfter: boolean;
  /** Which outputs somebody asked for. */
  readonly outputs: readonly boolean[];
}

/** Reads the attributes that the cell has. */
export function recurrentAttributes(type: CellType, raw: AttributeReader, node: NodeSignature): RecurrentAttributes {
  raw.ignore("output_sequence");
  const direction = raw.string("direction", "forward", ["forward", "reverse", "bidirectional"]);
  const directions = direction === "bidirectional" ? 2 : 1;
  const perDirection = CELLS[type].activations.length;
  const defaults = Array.from({ length: directions }, () => CELLS[type].activations).flat();
  const names = raw.strings("activations") ?? defaults;
  if (names.length !== directions * perDirection) {
    throw new ModelError(
      `Cannot use attribute "activations": found ${names.length}, expected ${directions * perDirection}`,
    );
  }
  const all = recurrentActivations(names, raw.numbers("activation_alpha") ?? [], raw.numbers("activation_beta") ?? []);
  return {
    direction,
    hidden: raw.has("hidden_size") ? raw.int("hidden_size", 0) : undefined,
    activations: Array.from(
      { length: directions },
      (_, one) => all.slice(one * perDirection, (one + 1) * perDirection),
    ),
    clip: raw.float("clip", 0),
    isBatchMajor: raw.int("layout", 0) === 1,
    isCoupled: type === "LSTM" && raw.int("input_forget", 0) === 1,
    resetsAfter: type === "GRU" && raw.int("linear_before_reset", 0) !== 0,
    outputs: node.outputs,
  };
}

/** Extents of a recurrent node. */
export interface Sequence {
  readonly steps: number;
  readonly batch: number;
  readonly depth: number;
  readonly hidden: number;
  readonly directions: number;
  /** First direction that runs backwards. */
  readonly reverseFrom: number;
}

/** Checks x, W, R, B, lengths, initial states and peepholes against each other. */
export function sequenceOf(
  type: CellType,
  inputs: Operands<Pick<TensorType, "shape">>,
  attributes: RecurrentAttributes,
): Sequence {
  const [x, w, r, bias, lengths, hiddenState, cellState, peepholes] = inputs;
  const [first, second, depth] = x!.shape;
  if (first === undefined || second === undefined || depth === undefined || x!.shape.length !== 3) {
    throw new ModelError(`Cannot use x of shape ${formatShape(x!.shape)}: expected rank 3`);
  }
  const [steps, batch] = attributes.isBatchMajor ? [second, first] : [first, second];
  const directions = attributes.direction === "bidirectional" ? 2 : 1;
  const hidden = attributes.hidden ?? r!.shape.at(-1) ?? 0;
  const { gates } = CELLS[type];
  const state = attributes.isBatchMajor ? [batch, directions, hidden] : [directions, batch, hidden];
  const expected: [string, Pick<TensorType, "shape"> | undefined, readonly number[]][] = [
    ["W", w, [directions, gates * hidden, depth]],
    ["R", r, [directions, gates * hidden, hidden]],
    ["B", bias, [directions, 2 * gates * hidden]],
    ["sequence_lens", lengths, [batch]],
    ["initial_h", hiddenState, state],
    ["initial_c", cellState, state],
    ["P", peepholes, [directions, 3 * hidden]],
  ];
  for (const [name, operand, shape] of expected) {
    if (operand && operand.shape.join() !== shape.join()) {
      throw new ModelError(`Cannot use ${name} of shape ${formatShape(operand.shape)}: expected ${formatShape(shape)}`);
    }
  }
  if (Math.max(depth, gates * hidden) > 50000) {
    throw new UnsupportedError(`Cannot sum ${Math.max(depth, gates * hidden)} products, at most 50000`);
  }
  return { steps, batch, depth, hidden, directions, reverseFrom: attributes.direction === "reverse" ? 0 : 1 };
}

/** Types of Y, Y_h and, for LSTM, Y_c. */
export function recurrentOutputs(
  type: CellType,
  x: TensorType,
  sequence: Sequence,
  attributes: RecurrentAttributes,
): TensorType[] {
  const { steps, batch, hidden, directions } = sequence;
  const all = attributes.isBatchMajor ? [batch, steps, directions, hidden] : [steps, directions, batch, hidden];
  const last = attributes.isBatchMajor ? [batch, directions, hidden] : [directions, batch, hidden];
  const state: TensorType = { dtype: x.dtype, shape: last };
  return [{ dtype: x.dtype, shape: all }, state, ...(type === "LSTM" ? [state] : [])].slice(
    0,
    Math.max(1, attributes.outputs.length),
  );
}
