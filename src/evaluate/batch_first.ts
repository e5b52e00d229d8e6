/** Brings the batch axis of any value to the front, so that it can be reduced sample by sample. */
import { ModelError } from "../base/errors.ts";
import { formatShape, type HostTensor, hostTensor, type TensorType } from "../base/tensor.ts";
import type { Node } from "../graph/graph.ts";

/** A value with the batch axis first. */
export interface BatchFirstValue {
  readonly name: string;
  /** What must be added to the axes (from 0) of the original value to get those of this one. */
  readonly axisShift: 0 | 1;
}

/**
 * Collects the nodes that bring values into this form. Attention keeps heads, or queries, keys and values, before the batch or in
 * one axis with it: where the batch is shows in types for batch 1 and for the batch in use.
 */
export class BatchFirst {
  readonly nodes: Node[] = [];
  readonly initializers = new Map<string, HostTensor>();
  readonly #single: ReadonlyMap<string, TensorType>;
  readonly #full: ReadonlyMap<string, TensorType>;
  readonly #batch: number;

  constructor(single: ReadonlyMap<string, TensorType>, full: ReadonlyMap<string, TensorType>, batch: number) {
    this.#single = single;
    this.#full = full;
    this.#batch = batch;
  }

  /** The value, moved where it must be. Throws ModelError where samples cannot be told apart. */
  of(value: string): BatchFirstValue {
    const single = this.#single.get(value)?.shape ?? [];
    const full = this.#full.get(value)?.shape ?? [];
    const axis = this.#axisOf(value, single, full);
    if (axis === 0 && single[0] === 1) return { name: value, axisShift: 0 };
    const name = `${value}/batch_first`;
    if (!this.initializers.has(`${name}/shape`)) this.#move(value, name, { axis, single });
    return { name, axisShift: 1 };
  }

  /** The axis that grows with the batch; with one sample at a time every axis belongs to it, and the batch goes first. */
  #axisOf(value: string, single: readonly number[], full: readonly number[]): number {
    if (this.#batch === 1) return 0;
    const growing = full.flatMap((extent, axis) => extent === single[axis] ? [] : [axis]);
    const [axis] = growing;
    if (axis !== undefined && growing.length === 1 && full[axis] === this.#batch * single[axis]!) return axis;
    throw new ModelError(
      `Cannot gather statistics of value "${value}": it is ${formatShape(single)} for one sample and ${
        formatShape(full)
      } for ${this.#batch}, expected one axis that grows with the batch`,
    );
  }

  /** [outer, batch · extent, inner] → [outer, batch, extent, inner] → [batch, outer, extent, inner]. */
  #move(value: string, name: string, { axis, single }: { axis: number; single: readonly number[] }): void {
    const split = [...single.slice(0, axis), this.#batch, ...single.slice(axis)];
    const order = [axis, ...split.keys().filter((one) => one !== axis)];
    const shape = `${name}/shape`;
    this.initializers.set(shape, hostTensor("int64", [split.length], split));
    const whole = axis === 0 ? name : `${name}/split`;
    const plain = { domain: "", attributes: new Map() };
    this.nodes.push({ ...plain, name: whole, type: "Reshape", inputs: [value, shape], outputs: [whole] });
    if (axis === 0) return;
    const attributes = new Map([["perm", { type: "ints" as const, value: order }]]);
    this.nodes.push({ ...plain, name, type: "Transpose", inputs: [whole], outputs: [name], attributes });
  }
}
