import assert from "node:assert/strict";
import fc from "fast-check";
import { createRandom } from "../../src/base/random.ts";
import { elementCount, type HostTensor, hostTensor, type TensorType } from "../../src/base/tensor.ts";
import type { Graph } from "../../src/graph/graph.ts";
import { inferTypes } from "../../src/ops/infer.ts";
import { inlineControlFlow } from "../../src/passes/inline_control_flow.ts";
import { assertClose } from "../support/compare.ts";
import { attributeOf, NO_METADATA } from "../support/op_graph.ts";

/** What an Attention node may look like. */
interface Form {
  readonly batch: number;
  readonly keyHeads: number;
  /** Query heads per key head. */
  readonly group: number;
  readonly queries: number;
  readonly keys: number;
  readonly size: number;
  readonly valueSize: number;
  readonly past: number;
  readonly isSplit: boolean;
  readonly isCausal: boolean;
  readonly softcap: number;
  readonly window: readonly [number, number];
  readonly mask: "none" | "bool" | "float";
  readonly hasLengths: boolean;
}

const formOf: fc.Arbitrary<Form> = fc.record({
  batch: fc.integer({ min: 1, max: 3 }),
  keyHeads: fc.integer({ min: 1, max: 3 }),
  group: fc.integer({ min: 1, max: 3 }),
  queries: fc.integer({ min: 1, max: 5 }),
  keys: fc.integer({ min: 1, max: 5 }),
  size: fc.integer({ min: 1, max: 5 }),
  valueSize: fc.integer({ min: 1, max: 5 }),
  past: fc.constantFrom(0, 0, 2),
  isSplit: fc.boolean(),
  isCausal: fc.boolean(),
  softcap: fc.constantFrom(0, 0, 1.5),
  window: fc.constantFrom([-1, -1] as const, [-1, -1] as const, [1, -1] as const, [-1, 0] as const, [0, 1] as const),
  mask: fc.constantFrom("none" as const, "bool" as const, "float" as const),
  hasLengths: fc.boolean(),
}).map((form) => form.past > 0 ? { ...form, hasLengths: false } : form);

function operandsOf(form: Form): (HostTensor | undefined)[] {
  const random = createRandom(3);
  const { batch, keyHeads, group, queries, keys, size, valueSize, past, isSplit } = form;
  const float = (shape: number[]) =>
    hostTensor("float32", shape, Array.from({ length: elementCount(shape) }, () => 4 * random() - 2));
  const rows = (heads: number, count: number, each: number) =>
    float(isSplit ? [batch, heads, count, each] : [batch, count, heads * each]);
  const scores = [batch, 1, queries, past + keys];
  const mask = form.mask === "bool"
    ? hostTensor("bool", scores, Array.from({ length: elementCount(scores) }, () => random() < 0.5 ? 1 : 0))
    : form.mask === "float"
    ? float(scores)
    : undefined;
  return [
    rows(keyHeads * group, queries, size),
    rows(keyHeads, keys, size),
    rows(keyHeads, keys, valueSize),
    mask,
    past > 0 ? float([batch, keyHeads, past, size]) : undefined,
    past > 0 ? float([batch, keyHeads, past, valueSize]) : undefined,
    form.hasLengths
      ? hostTensor("int64", [batch], Array.from({ length: batch }, () => Math.floor(random() * (keys + 1))))
      : undefined,
  ];
}

function graphOf(form: Form, operands: readonly (HostTensor | undefined)[]): Graph {
  const heads = form.isSplit ? {} : { q_num_heads: form.keyHeads * form.group, kv_num_heads: form.keyHeads };
  const attributes = {
    ...heads,
    is_causal: form.isCausal ? 1 : 0,
    ...form.softcap > 0 ? { softcap: form.softcap } : {},
    left_window_size: form.window[0],
    right_window_size: form.window[1],
  };
  const names = operands.map((operand, place) => operand ? `x${place}` : "");
  return {
    name: "attention",
    opset: 25,
    inputs: operands.flatMap((operand, place) =>
      operand ? [{ name: `x${place}`, dtype: operand.dtype, shape: operand.shape }] : []
    ),
    outputs: [{ name: "y", dtype: "float32", shape: undefined }],
    initializers: new Map(),
    nodes: [{
      name: "attention",
      type: "Attention",
      domain: "",
      inputs: names,
      outputs: ["y"],
      attributes: new Map(Object.entries(attributes).map(([key, value]) => [key, attributeOf(value)])),
    }],
    metadata: NO_METADATA,
  };
}

function typesOf(operands: readonly (HostTensor | undefined)[], isKnown: boolean): Map<string, TensorType> {
  return new Map(operands.flatMap((operand, place) => {
    if (!operand) return [];
    const { dtype, shape, data } = operand;
    return [[`x${place}`, isKnown ? { dtype, shape, value: data } : { dtype, shape }]];
  }));
}

/** The specification in plain loops. */
function attend(
  form: Form,
  [q, k, v, mask, pastKey, pastValue, lengths]: readonly (HostTensor | undefined)[],
): number[] {
  const { batch, keyHeads, group, queries, keys, size, valueSize, past, isSplit } = form;
  const heads = keyHeads * group;
  const at = (x: HostTensor, [b, h, row, e]: number[], [H, S, D]: number[]) =>
    x.data[isSplit ? ((b! * H! + h!) * S! + row!) * D! + e! : ((b! * S! + row!) * H! + h!) * D! + e!]!;
  const row = (fresh: HostTensor, old: HostTensor | undefined, b: number, h: number, j: number, e: number, D: number) =>
    j < past
      ? old!.data[((b * keyHeads + h) * past + j) * D + e]!
      : at(fresh, [b, h, j - past, e], [keyHeads, keys, D]);
  const total = past + keys;
  const y = new Array<number>(batch * heads * queries * valueSize).fill(0);
  for (let b = 0; b < batch; b++) {
    for (let h = 0; h < heads; h++) {
      for (let i = 0; i < queries; i++) {
        const place = i + (lengths ? lengths.data[b]! - queries : past);
        const scores: number[] = [];
        for (let j = 0; j < total; j++) {
          let score = 0;
          for (let e = 0; e < size; e++) {
            score += at(q!, [b, h, i, e], [heads, queries, size]) *
              row(k!, pastKey, b, Math.floor(h / group), j, e, size);
          }
          score /= Math.sqrt(size);
          if (form.softcap > 0) score = form.softcap * Math.tanh(score / form.softcap);
          const given = mask ? mask.data[(b * queries + i) * total + j]! : 0;
          const isSeen = (!form.isCausal || j <= place) && (form.window[0] < 0 || j >= place - form.window[0]) &&
            (form.window[1] < 0 || j <= place + form.window[1]) && (!lengths || j < lengths.data[b]!) &&
            !(form.mask === "bool" && given === 0);
          scores.push(isSeen ? score + (form.mask === "float" ? given : 0) : -Infinity);
        }
        const sum = scores.reduce((all, score) => all + Math.exp(score), 0);
        for (let e = 0; e < valueSize; e++) {
          const mean = sum === 0 ? 0 : scores.reduce(
            (all, score, j) =>
              all + Math.exp(score) / sum * row(v!, pastValue, b, Math.floor(h / group), j, e, valueSize),
            0,
          );
          y[
            isSplit ? ((b * heads + h) * queries + i) * valueSize + e : ((b * queries + i) * heads + h) * valueSize + e
          ] = mean;
        }
      }
    }
  }
  return y;
}

Deno.test("inlineControlFlow() expands Attention into what computes the same", () => {
  fc.assert(
    fc.property(formOf, (form) => {
      const operands = operandsOf(form);
      const known = typesOf(operands, true);
      const flat = inlineControlFlow(graphOf(form, operands), known);
      const { shape, value } = inferTypes(flat, known).types.get("y")!;
      assertClose(hostTensor("float32", shape, value!), hostTensor("float32", shape, attend(form, operands)), {
        relative: 1e-4,
        absolute: 1e-5,
      }, "y");
    }),
    { numRuns: 150, seed: 20240607 },
  );
});

Deno.test("inlineControlFlow() leaves batch and lengths of an expanded Attention free", () => {
  const small: Form = {
    ...{ batch: 1, keyHeads: 2, group: 2, queries: 2, keys: 3, size: 4, valueSize: 3, past: 0, isSplit: false },
    ...{ isCausal: true, softcap: 0, window: [2, -1], mask: "bool", hasLengths: false },
  };
  const flat = inlineControlFlow(graphOf(small, operandsOf(small)), typesOf(operandsOf(small), false));
  const large = { ...small, batch: 3, queries: 5, keys: 4 };
  const operands = operandsOf(large);
  const { shape, value } = inferTypes(flat, typesOf(operands, true)).types.get("y")!;
  assert.deepEqual(shape, [3, 5, 12]);
  const tolerance = { relative: 1e-4, absolute: 1e-5 };
  assertClose(
    hostTensor("float32", shape, value!),
    hostTensor("float32", shape, attend(large, operands)),
    tolerance,
    "y",
  );
});

Deno.test("inlineControlFlow() refuses an Attention whose heads do not fit", () => {
  const form: Form = {
    ...{ batch: 1, keyHeads: 2, group: 1, queries: 2, keys: 3, size: 4, valueSize: 3, past: 0, isSplit: true },
    ...{ isCausal: false, softcap: 0, window: [-1, -1], mask: "none", hasLengths: false },
  };
  const operands = operandsOf(form).with(1, hostTensor("float32", [1, 2, 3, 5], new Array(30).fill(0)));
  assert.throws(
    () => inlineControlFlow(graphOf(form, operands), typesOf(operands, false)),
    {
      name: "ModelError",
      message: /^Cannot expand Attention node "attention": found 2 heads of 4 for queries, 2 of 5/,
    },
  );
  const old = { ...graphOf(form, operandsOf(form)), opset: 22 };
  assert.throws(
    () => inlineControlFlow(old, typesOf(operandsOf(form), false)),
    { name: "UnsupportedError", message: 'Cannot inline Attention node "attention": not supported in opset 22' },
  );
});
