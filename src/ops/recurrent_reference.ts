/** Recurrent networks on the host, cell by cell, as the specification writes them. */
import { allocate, elementCount, type HostTensor } from "../base/tensor.ts";
import type { Operands } from "./op.ts";
import { CELLS, type CellType, type RecurrentAttributes, recurrentOutputs, type Sequence } from "./recurrent.ts";
import { activate, type RecurrentActivation } from "./recurrent_activation.ts";

/** What one direction knows: rows of W and R by gate and unit, biases, peepholes. */
interface Weights {
  readonly input: (gate: number, unit: number, x: readonly number[]) => number;
  readonly recurrent: (gate: number, unit: number, h: readonly number[]) => number;
  readonly inputBias: (gate: number, unit: number) => number;
  readonly recurrentBias: (gate: number, unit: number) => number;
  readonly peephole: (gate: number, unit: number) => number;
}

interface State {
  readonly h: readonly number[];
  readonly c: readonly number[];
}

/** Y, Y_h and Y_c as far as they were asked for. */
export function runRecurrent(
  type: CellType,
  inputs: Operands<HostTensor>,
  sequence: Sequence,
  attributes: RecurrentAttributes,
): HostTensor[] {
  const { steps, batch, hidden, depth, directions, reverseFrom } = sequence;
  const [x, , , , lengths, firstHidden, firstCell] = inputs;
  const types = recurrentOutputs(type, x!, sequence, { ...attributes, outputs: [true, true, true] });
  const results = types.map(({ dtype, shape }) => ({ dtype, shape, data: allocate(dtype, elementCount(shape)) }));
  const stateAt = (direction: number, sample: number) =>
    (attributes.isBatchMajor ? sample * directions + direction : direction * batch + sample) * hidden;
  const row = (tensor: HostTensor | undefined, at: number) =>
    Array.from({ length: hidden }, (_, unit) => tensor?.data[at + unit] ?? 0);
  for (let direction = 0; direction < directions; direction++) {
    const weights = weightsOf(type, inputs, sequence, direction);
    for (let sample = 0; sample < batch; sample++) {
      const length = lengths?.data[sample] ?? steps;
      const at = stateAt(direction, sample);
      let state: State = { h: row(firstHidden, at), c: row(firstCell, at) };
      for (let step = 0; step < length; step++) {
        const time = direction >= reverseFrom ? length - 1 - step : step;
        const from = (attributes.isBatchMajor ? sample * steps + time : time * batch + sample) * depth;
        const values = Array.from({ length: depth }, (_, k) => x!.data[from + k]!);
        state = advance(type, weights, values, state, attributes, attributes.activations[direction]!);
        const to = attributes.isBatchMajor
          ? ((sample * steps + time) * directions + direction) * hidden
          : ((time * directions + direction) * batch + sample) * hidden;
        state.h.forEach((value, unit) => results[0]!.data[to + unit] = value);
      }
      state.h.forEach((value, unit) => results[1]!.data[at + unit] = value);
      if (results[2]) state.c.forEach((value, unit) => results[2]!.data[at + unit] = value);
    }
  }
  return results.slice(0, Math.max(1, attributes.outputs.length));
}

function weightsOf(
  type: CellType,
  [, w, r, bias, , , , peepholes]: Operands<HostTensor>,
  { hidden, depth }: Sequence,
  direction: number,
): Weights {
  const { gates } = CELLS[type];
  const product = (matrix: HostTensor, columns: number) => (gate: number, unit: number, values: readonly number[]) => {
    const first = ((direction * gates + gate) * hidden + unit) * columns;
    return values.reduce((sum, value, k) => sum + value * matrix.data[first + k]!, 0);
  };
  const biasAt = (gate: number, unit: number) => bias?.data[(direction * 2 * gates + gate) * hidden + unit] ?? 0;
  return {
    input: product(w!, depth),
    recurrent: product(r!, hidden),
    inputBias: biasAt,
    recurrentBias: (gate, unit) => biasAt(gates + gate, unit),
    peephole: (gate, unit) => peepholes?.data[(direction * 3 + gate) * hidden + unit] ?? 0,
  };
}

function advance(
  type: CellType,
  weights: Weights,
  x: readonly number[],
  { h, c }: State,
  { clip, isCoupled, resetsAfter }: RecurrentAttributes,
  [f, g, last]: readonly RecurrentActivation[],
): State {
  const clipped = (value: number) => clip > 0 ? Math.min(clip, Math.max(-clip, value)) : value;
  const sum = (gate: number, unit: number) =>
    weights.input(gate, unit, x) + weights.inputBias(gate, unit) + weights.recurrent(gate, unit, h) +
    weights.recurrentBias(gate, unit);
  if (type === "RNN") return { h: h.map((_, unit) => activate(f!, clipped(sum(0, unit)))), c };
  if (type === "GRU") {
    const reset = h.map((_, unit) => activate(f!, clipped(sum(1, unit))));
    const resetState = h.map((value, unit) => value * reset[unit]!);
    const next = h.map((value, unit) => {
      const update = activate(f!, clipped(sum(0, unit)));
      const recurrent = resetsAfter
        ? reset[unit]! * (weights.recurrent(2, unit, h) + weights.recurrentBias(2, unit))
        : weights.recurrent(2, unit, resetState) + weights.recurrentBias(2, unit);
      const candidate = activate(g!, clipped(weights.input(2, unit, x) + weights.inputBias(2, unit) + recurrent));
      return (1 - update) * candidate + update * value;
    });
    return { h: next, c };
  }
  const cells = c.map((cell, unit) => {
    const input = activate(f!, clipped(sum(0, unit) + weights.peephole(0, unit) * cell));
    const forget = isCoupled ? 1 - input : activate(f!, clipped(sum(2, unit) + weights.peephole(2, unit) * cell));
    return forget * cell + input * activate(g!, clipped(sum(3, unit)));
  });
  const next = cells.map((cell, unit) =>
    activate(f!, clipped(sum(1, unit) + weights.peephole(1, unit) * cell)) * activate(last!, cell)
  );
  return { h: next, c: cells };
}
