import code from "../../shaders/rotary_embedding.wgsl" with { type: "text" };
import { dispatch, linearGrid, type Shader, WORKGROUP_SIZE } from "../base/dispatch.ts";
import { ModelError } from "../base/errors.ts";
import { allocate, elementCount, formatShape, type TensorType } from "../base/tensor.ts";
import { constantI64, f32 } from "./case_types.ts";
import { checkFloat } from "./normalize.ts";
import { defineOp, type OpCase, type OpDef, type Operands, type Tolerance } from "./op.ts";

const TOLERANCE: Tolerance = { absolute: 1e-5, reason: "multiply-add may round once or twice" };

type Constant = "WORKGROUP_SIZE" | "INTERLEAVED" | "HEADS_INNERMOST" | "HAS_POSITIONS";
const shader: Shader<Constant, "length" | "heads" | "tokens" | "size" | "rotated"> = {
  name: "rotary_embedding",
  code,
  constants: ["WORKGROUP_SIZE", "INTERLEAVED", "HEADS_INNERMOST", "HAS_POSITIONS"],
  uniforms: ["length", "heads", "tokens", "size", "rotated"],
};

interface RotaryAttributes {
  readonly isInterleaved: boolean;
  /** Elements of a head that are turned; 0 for all. */
  readonly rotated: number;
  /** 0 where the input has an axis of heads. */
  readonly heads: number;
}

/** How heads and tokens lie in an input. */
interface Layout {
  readonly batch: number;
  readonly heads: number;
  readonly tokens: number;
  /** Elements of a head. */
  readonly size: number;
  readonly rotated: number;
  /** Whether tokens run before heads: the input has three axes. */
  readonly areHeadsInnermost: boolean;
}

const infer: OpDef<RotaryAttributes>["infer"] = (inputs, attributes) => {
  const { batch, tokens, rotated } = layoutOf(inputs, attributes);
  const [x, cosines, sines, positions] = inputs as Operands<TensorType>;
  checkFloat(x!);
  for (const table of [cosines!, sines!]) {
    const fits = table.shape.at(-1) === rotated / 2 &&
      (positions ? table.shape.length === 2 : table.shape.slice(0, -1).join() === [batch, tokens].join());
    if (!fits) {
      throw new ModelError(
        `Cannot turn heads: a table of angles is ${formatShape(table.shape)}, expected ` +
          `${positions ? `[positions, ${rotated / 2}]` : `[${batch}, ${tokens}, ${rotated / 2}]`}`,
      );
    }
  }
  if (positions && positions.shape.join() !== [batch, tokens].join()) {
    throw new ModelError(
      `Cannot turn heads: positions are ${formatShape(positions.shape)}, expected [${batch}, ${tokens}]`,
    );
  }
  return [{ dtype: x!.dtype, shape: x!.shape }];
};

/** ONNX RotaryEmbedding: turns pairs of elements of each head by angles that depend on the token's position. */
export const rotaryEmbedding = defineOp<RotaryAttributes>({
  type: "RotaryEmbedding",
  since: 23,
  quant: { kind: "non_quantizable" },
  attributes: (raw) => ({
    isInterleaved: raw.int("interleaved", 0) !== 0,
    rotated: raw.int("rotary_embedding_dim", 0),
    heads: raw.int("num_heads", 0),
  }),
  infer,
  lower: (inputs, [y], attributes) => {
    const { heads, tokens, size, rotated, areHeadsInnermost } = layoutOf(inputs, attributes);
    const length = elementCount(y!.shape);
    const hasPositions = inputs[3] !== undefined;
    if (length === 0) return { dispatches: [] };
    return {
      dispatches: [dispatch(shader, {
        bindings: ["x0", "x1", "x2", hasPositions ? "x3" : "x1", "y0"],
        constants: {
          WORKGROUP_SIZE,
          INTERLEAVED: attributes.isInterleaved,
          HEADS_INNERMOST: areHeadsInnermost,
          HAS_POSITIONS: hasPositions,
        },
        uniforms: { length, heads, tokens, size, rotated },
        workgroups: linearGrid(length, WORKGROUP_SIZE),
      })],
    };
  },
  reference: (inputs, attributes) => {
    const [x, cosines, sines, positions] = inputs;
    const { batch, heads, tokens, size, rotated, areHeadsInnermost } = layoutOf(inputs, attributes);
    const data = allocate(x!.dtype, x!.data.length);
    data.set(x!.data);
    const half = rotated / 2;
    for (let row = 0; row < batch * heads * tokens; row++) {
      const token = areHeadsInnermost ? Math.floor(row / heads) % tokens : row % tokens;
      const place = Math.floor(row / (heads * tokens)) * tokens + token;
      const entry = positions ? positions.data[place]! : place;
      for (let pair = 0; pair < half; pair++) {
        const first = row * size + (attributes.isInterleaved ? 2 * pair : pair);
        const second = first + (attributes.isInterleaved ? 1 : half);
        const [cosine, sine] = [cosines!.data[entry * half + pair]!, sines!.data[entry * half + pair]!];
        data[first] = cosine * x!.data[first]! - sine * x!.data[second]!;
        data[second] = sine * x!.data[first]! + cosine * x!.data[second]!;
      }
    }
    return [{ ...x!, data }];
  },
  cases: [0, 1].flatMap((interleaved): OpCase[] => [
    {
      name: `heads, positions, interleaved ${interleaved}`,
      inputs: [f32(2, 3, 5, 8), f32(9, 4), f32(9, 4), constantI64([0, 1, 2, 3, 4, 8, 7, 6, 5, 4], [2, 5])],
      attributes: { interleaved },
      tolerance: TOLERANCE,
    },
    {
      name: `part of each head, no positions, interleaved ${interleaved}`,
      inputs: [f32(2, 3, 5, 7), f32(2, 5, 2), f32(2, 5, 2)],
      attributes: { interleaved, rotary_embedding_dim: 4 },
      tolerance: TOLERANCE,
    },
    {
      name: `three axes, interleaved ${interleaved}`,
      inputs: [f32(2, 5, 18), f32(2, 5, 3), f32(2, 5, 3)],
      attributes: { interleaved, num_heads: 3 },
      tolerance: TOLERANCE,
    },
    {
      name: `empty, interleaved ${interleaved}`,
      inputs: [f32(0, 3, 5, 8), f32(0, 5, 4), f32(0, 5, 4)],
      attributes: { interleaved },
    },
  ]),
});

function layoutOf([x]: Operands<TensorType>, { heads, rotated }: RotaryAttributes): Layout {
  const { shape } = x!;
  const isSplit = shape.length === 4;
  const count = isSplit ? shape[1]! : heads;
  const size = isSplit ? shape[3]! : shape[2]! / heads;
  const turned = rotated || size;
  if ((shape.length !== 3 && !isSplit) || !Number.isInteger(size) || turned % 2 !== 0 || turned > size) {
    throw new ModelError(
      `Cannot turn heads: input is ${
        formatShape(shape)
      }, ${heads} heads, ${rotated} elements to turn, expected heads ` +
        "of an even number of elements to turn",
    );
  }
  return {
    batch: shape[0]!,
    heads: count,
    tokens: isSplit ? shape[2]! : shape[1]!,
    size,
    rotated: turned,
    areHeadsInnermost: !isSplit,
  };
}
