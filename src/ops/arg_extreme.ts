/** ArgMax and ArgMin. */
import { normalizeAxis } from "../base/shape.ts";
import { hostTensor, type Storage, storageOf } from "../base/tensor.ts";
import { f32 } from "./case_types.ts";
import { defineOp, type OpCase, type OpDef } from "./op.ts";
import { type Fold, foldPasses, groupElements, reducedShape } from "./reduction.ts";

interface ArgAttributes {
  readonly axis: number;
  readonly keepsDims: boolean;
  /** Whether the last of several equal extremes counts, rather than the first. */
  readonly takesLast: boolean;
}

/** The extreme so far and its place; place -1 stands for nothing seen. */
export function argFold(storage: Storage, isBetter: ">" | "<", takesLast: boolean): Fold {
  const prefers = takesLast ? ">" : "<";
  return {
    state: `struct A { value: ${storage}, index: i32 }`,
    words: 2,
    initial: `A(${storage}(0), -1)`,
    enter: "A(x, i32(index))",
    combine: `if (a.index < 0) { return b; }
  if (b.index < 0) { return a; }
  if (b.value ${isBetter} a.value || (b.value == a.value && b.index ${prefers} a.index)) { return b; }
  return a;`,
  };
}

function argOp(type: string, isBetter: ">" | "<"): OpDef {
  const better = (a: number, b: number) => isBetter === ">" ? a > b : a < b;
  return defineOp<ArgAttributes>({
    type,
    since: 1,
    quant: { kind: "non_quantizable" },
    attributes: (raw) => ({
      axis: raw.int("axis", 0),
      keepsDims: raw.int("keepdims", 1) === 1,
      takesLast: raw.int("select_last_index", 0) === 1,
    }),
    infer: ([x], { axis, keepsDims }) => [
      { dtype: "int64", shape: reducedShape(x!.shape, [normalizeAxis(axis, x!.shape.length)], keepsDims) },
    ],
    lower: ([x], _outputs, { axis, takesLast }) => {
      const storage = storageOf(x!.dtype);
      const axes = [normalizeAxis(axis, x!.shape.length)];
      const finish = { slot: "y0", storage: "i32", expression: "a.index" } as const;
      return foldPasses({ slot: "x0", storage, shape: x!.shape, axes }, argFold(storage, isBetter, takesLast), finish);
    },
    reference: ([x], { axis, keepsDims, takesLast }) => {
      const axes = [normalizeAxis(axis, x!.shape.length)];
      const places = groupElements(x!, axes).map((group) => {
        let best = 0;
        group.forEach((value, place) => {
          if (better(value, group[best]!) || (takesLast && value === group[best]!)) best = place;
        });
        return best;
      });
      return [hostTensor("int64", reducedShape(x!.shape, axes, keepsDims), places)];
    },
    cases: CASES,
  });
}

const TIES = { dtype: "int32", shape: [4, 70] } as const;
const CASES: readonly OpCase[] = [
  { name: "default axis", inputs: [f32(5, 65)] },
  { name: "last axis", inputs: [f32(3, 5, 65)], attributes: { axis: -1, keepdims: 0 } },
  { name: "middle axis", inputs: [f32(3, 300, 2)], attributes: { axis: 1 } },
  { name: "first of equals", inputs: [TIES], attributes: { axis: 1 }, range: [0, 3] },
  { name: "last of equals", inputs: [TIES], attributes: { axis: 1, select_last_index: 1 }, range: [0, 3] },
  {
    name: "last of equals in parts",
    inputs: [{ ...TIES, shape: [2, 3000] }],
    attributes: { axis: 1, select_last_index: 1 },
  },
  { name: "uint8", inputs: [{ dtype: "uint8", shape: [3, 7] }], attributes: { axis: 1 } },
  { name: "long", inputs: [f32(70001)] },
  { name: "empty", inputs: [f32(0, 3)], attributes: { axis: 1 } },
];

/** ArgMax and ArgMin: places of extremes along an axis. */
export const ARG_OPERATORS: readonly OpDef[] = [argOp("ArgMax", ">"), argOp("ArgMin", "<")];
