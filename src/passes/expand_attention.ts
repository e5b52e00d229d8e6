/** Attention (opset 23) as the products, the mask and the softmax that it stands for: those are quantized and exported one by one. */
import { ModelError, UnsupportedError } from "../base/errors.ts";
import { type DType, formatShape, type HostTensor, hostTensor, type TensorType } from "../base/tensor.ts";
import { AttributeReader, type AttributeValue } from "../graph/attributes.ts";
import type { Node } from "../graph/graph.ts";

/** What a node is replaced by. */
export interface Expansion {
  readonly nodes: readonly Node[];
  readonly constants: ReadonlyMap<string, HostTensor>;
}

/** Where the optional fourth output is taken. */
const QK_OUTPUT = { scaled: 0, capped: 1, masked: 2, weights: 3 } as const;

interface AttentionAttributes {
  /** 0 where the operand has an axis of heads. */
  readonly queryHeads: number;
  readonly keyHeads: number;
  readonly scale: number | undefined;
  readonly softcap: number;
  readonly isCausal: boolean;
  /** Keys before and after a query's place that it sees; negative for all. */
  readonly window: readonly [number, number];
  readonly qkOutput: number;
}

/** Heads and their size in a tensor [B, H, S, D] or [B, S, H · D]. */
interface Heads {
  readonly count: number;
  readonly size: number;
  readonly areSplit: boolean;
}

/**
 * Expands a node, given the types of its inputs. Batch and sequence lengths stay free: they are read with Shape, copied or left to
 * Reshape. A query that no key is allowed for gets zeros.
 */
export function expandAttention(node: Node, types: ReadonlyMap<string, TensorType>): Expansion {
  const attributes = attributesOf(node);
  const builder = new Builder(node);
  const [q = "", k = "", v = "", mask = "", pastKey = "", pastValue = "", lengths = ""] = node.inputs;
  const typeOf = (name: string) => {
    const type = types.get(name);
    if (type) return type;
    throw new ModelError(
      `Cannot expand Attention node "${node.name}": found ${node.inputs.length} inputs, expected three`,
    );
  };
  const [query, key, value] = [
    headsOf(node, typeOf(q), attributes.queryHeads),
    headsOf(node, typeOf(k), attributes.keyHeads),
    headsOf(node, typeOf(v), attributes.keyHeads),
  ];
  if (query.size !== key.size || key.count !== value.count || query.count % key.count !== 0) {
    throw new ModelError(
      `Cannot expand Attention node "${node.name}": found ${query.count} heads of ${query.size} for queries, ${key.count} of ` +
        `${key.size} for keys and ${value.count} for values, expected as many keys as values, and queries in whole groups`,
    );
  }
  const { dtype } = typeOf(q);
  const [y = "", presentKey = "", presentValue = "", qk = ""] = node.outputs;

  const keys = withPast(builder, "key", { past: pastKey, added: builder.split("k", k, key), present: presentKey });
  const values = withPast(builder, "value", {
    past: pastValue,
    added: builder.split("v", v, value),
    present: presentValue,
  });
  const repeated = (name: string, rows: string, { size }: Heads) =>
    query.count === key.count ? rows : builder.repeatHeads(name, rows, [query.count, query.count / key.count, size]);
  const turned = builder.node("Transpose", "k_transposed", [repeated("k", keys, key)], { perm: [0, 1, 3, 2] });
  const product = builder.node("MatMul", "product", [builder.split("q", q, query), turned]);
  const scale = attributes.scale ?? 1 / Math.sqrt(query.size);
  const scaled = builder.node("Mul", "scaled", [product, builder.scalar("scale", dtype, scale)]);
  const capped = attributes.softcap > 0 ? cap(builder, scaled, dtype, attributes.softcap) : scaled;
  const bias = biasOf(builder, {
    scores: capped,
    dtype,
    mask: mask === "" ? undefined : { name: mask, type: typeOf(mask) },
    keys: typeOf(k).shape.at(-2)! + (pastKey === "" ? 0 : typeOf(pastKey).shape.at(-2) ?? 0),
    pastKey,
    lengths,
    attributes,
  });
  const masked = bias === undefined ? capped : builder.node("Add", "masked", [capped, bias]);
  const weights = builder.node("Softmax", "weights", [masked], { axis: -1 });
  const mayBeEmpty = mask !== "" || lengths !== "" || attributes.window.some((reach) => reach >= 0);
  const empty = bias !== undefined && mayBeEmpty ? emptyRows(builder, bias) : undefined;
  const withoutEmpty = (name: string, rows: string) =>
    empty === undefined ? rows : builder.node("Where", name, [empty, builder.scalar("zero", dtype, 0), rows]);

  const context = builder.node("MatMul", "context", [weights, repeated("v", values, value)]);
  builder.output(y, builder.join(withoutEmpty("context_or_zero", context), query));
  if (qk !== "") {
    const taken = [scaled, capped, masked, withoutEmpty("weights_or_zero", weights)][attributes.qkOutput];
    if (taken === undefined) {
      throw new UnsupportedError(
        `Cannot expand Attention node "${node.name}": qk_matmul_output_mode is ${attributes.qkOutput}, expected 0 to ${QK_OUTPUT.weights}`,
      );
    }
    builder.output(qk, taken);
  }
  return builder;
}

function attributesOf(node: Node): AttentionAttributes {
  const raw = new AttributeReader(node.attributes);
  // Sums are in float32 whatever it asks for.
  raw.ignore("softmax_precision");
  const scale = raw.float("scale", 0);
  const attributes = {
    queryHeads: raw.int("q_num_heads", 0),
    keyHeads: raw.int("kv_num_heads", 0),
    scale: node.attributes.has("scale") ? scale : undefined,
    softcap: raw.float("softcap", 0),
    isCausal: raw.int("is_causal", 0) !== 0,
    window: [raw.int("left_window_size", -1), raw.int("right_window_size", -1)] as const,
    qkOutput: raw.int("qk_matmul_output_mode", 0),
  };
  if (raw.unread.length > 0) {
    throw new UnsupportedError(
      `Cannot expand Attention node "${node.name}": unknown attribute ${
        raw.unread.map((name) => `"${name}"`).join(", ")
      }`,
    );
  }
  return attributes;
}

function headsOf(node: Node, { shape }: TensorType, heads: number): Heads {
  if (shape.length === 4) return { count: shape[1]!, size: shape[3]!, areSplit: true };
  const size = shape[2]! / heads;
  if (shape.length === 3 && Number.isInteger(size)) return { count: heads, size, areSplit: false };
  throw new ModelError(
    `Cannot expand Attention node "${node.name}": an operand is ${
      formatShape(shape)
    }, expected rank 4, or rank 3 with ` +
      `whole heads where there are ${heads}`,
  );
}

/** Rows of the past before those that are new; both together are an output, where somebody asks for it. */
function withPast(
  builder: Builder,
  what: string,
  { past, added, present }: { readonly past: string; readonly added: string; readonly present: string },
): string {
  const rows = past === "" ? added : builder.node("Concat", `present_${what}`, [past, added], { axis: 2 });
  if (present !== "") builder.output(present, rows);
  return rows;
}

function cap(builder: Builder, scores: string, dtype: DType, softcap: number): string {
  const small = builder.node("Div", "uncapped", [scores, builder.scalar("softcap", dtype, softcap)]);
  const bounded = builder.node("Tanh", "bounded", [small]);
  return builder.node("Mul", "capped", [bounded, builder.scalar("softcap", dtype, softcap)]);
}

interface Masking {
  readonly scores: string;
  readonly dtype: DType;
  readonly mask: { readonly name: string; readonly type: TensorType } | undefined;
  /** Number of keys, those of the past included. */
  readonly keys: number;
  readonly pastKey: string;
  /** Name of the numbers of keys that are no padding, one per sample, or "". */
  readonly lengths: string;
  readonly attributes: AttentionAttributes;
}

/** What is added to the scores: minus infinity where a query may not see a key. */
function biasOf(builder: Builder, masking: Masking): string | undefined {
  const { dtype, mask } = masking;
  const conditions = placeConditions(builder, masking);
  const never = builder.scalar("minus_infinity", dtype, -Infinity);
  const always = builder.scalar("zero", dtype, 0);
  const isBool = mask?.type.dtype === "bool";
  const given = mask && (isBool ? builder.node("Where", "mask_bias", [mask.name, always, never]) : mask.name);
  const whole = given && padMask(builder, given, masking);
  const allowed = conditions.reduce<string | undefined>(
    (all, one) => all === undefined ? one : builder.node("And", `${one}_too`, [all, one]),
    undefined,
  );
  const places = allowed && builder.node("Where", "place_bias", [allowed, always, never]);
  return whole && places ? builder.node("Add", "bias", [whole, places]) : whole ?? places;
}

/** A mask may end before the keys do. */
function padMask(builder: Builder, bias: string, { mask, keys, dtype }: Masking): string {
  const own = mask!.type.shape.at(-1) ?? 1;
  if (own === 1 || own >= keys) return bias;
  const rank = mask!.type.shape.length;
  const pads = new Array<number>(2 * rank).fill(0).with(-1, keys - own);
  return builder.node("Pad", "mask_padded", [
    bias,
    builder.integers("mask_pads", pads),
    builder.scalar("minus_infinity", dtype, -Infinity),
  ]);
}

/** Conditions on the places of query and key, each [.., queries, keys]: order, window, padding. */
function placeConditions(builder: Builder, { scores, pastKey, lengths, attributes }: Masking): string[] {
  const { isCausal, window: [left, right] } = attributes;
  if (!isCausal && left < 0 && right < 0 && lengths === "") return [];
  const column = builder.places("key_place", scores, 3);
  const counted = lengths &&
    builder.node("Reshape", "lengths", [lengths, builder.integers("per_sample", [-1, 1, 1, 1])]);
  const conditions = counted ? [builder.node("Less", "is_no_padding", [column, counted])] : [];
  if (!isCausal && left < 0 && right < 0) return conditions;
  const row = builder.node("Unsqueeze", "query_row", [
    builder.places("query_place", scores, 2),
    builder.integers("last_axis", [1]),
  ]);
  let place = row;
  if (pastKey !== "") place = builder.node("Add", "query_place_after_past", [row, builder.extent("past", pastKey, 2)]);
  else if (counted) {
    const before = builder.node("Sub", "keys_before", [counted, builder.extent("queries", scores, 2)]);
    place = builder.node("Add", "query_place_in_cache", [row, before]);
  }
  if (isCausal) conditions.push(builder.node("LessOrEqual", "is_not_later", [column, place]));
  if (left >= 0) {
    const first = builder.node("Sub", "first_seen", [place, builder.integers("left", [left], [])]);
    conditions.push(builder.node("GreaterOrEqual", "is_not_before_window", [column, first]));
  }
  if (right >= 0) {
    const last = builder.node("Add", "last_seen", [place, builder.integers("right", [right], [])]);
    conditions.push(builder.node("LessOrEqual", "is_not_behind_window", [column, last]));
  }
  return conditions;
}

/** Which queries see no key at all. */
function emptyRows(builder: Builder, bias: string): string {
  const most = builder.node("ReduceMax", "largest_bias", [bias, builder.integers("over_keys", [-1])], { keepdims: 1 });
  return builder.node("IsInf", "sees_nothing", [most], { detect_positive: 0 });
}

class Builder implements Expansion {
  readonly nodes: Node[] = [];
  readonly constants = new Map<string, HostTensor>();
  readonly #prefix: string;

  constructor(node: Node) {
    this.#prefix = node.name;
  }

  /** Adds a node under a name of its own; gives the name of its output. */
  node(
    type: string,
    name: string,
    inputs: readonly string[],
    attributes: Readonly<Record<string, number | readonly number[]>> = {},
  ): string {
    const full = `${this.#prefix}/${name}`;
    this.nodes.push(plainNode(type, full, inputs, full, attributes));
    return full;
  }

  /** Gives a value the name that the rest of the network knows it by. */
  output(name: string, value: string): void {
    if (name !== "") this.nodes.push(plainNode("Identity", `${this.#prefix}/to/${name}`, [value], name, {}));
  }

  scalar(name: string, dtype: DType, value: number): string {
    return this.#constant(name, hostTensor(dtype, [], [value]));
  }

  integers(name: string, values: readonly number[], shape: readonly number[] = [values.length]): string {
    return this.#constant(name, hostTensor("int64", shape, values));
  }

  /** [B, S, H · D] → [B, H, S, D]. */
  split(name: string, value: string, { count, size, areSplit }: Heads): string {
    if (areSplit) return value;
    const shape = this.integers(`${name}_shape`, [0, 0, count, size]);
    return this.node("Transpose", `${name}_split`, [this.node("Reshape", `${name}_heads`, [value, shape])], {
      perm: [0, 2, 1, 3],
    });
  }

  /** [B, H, S, D] → the layout of the queries. */
  join(value: string, { areSplit }: Heads): string {
    if (areSplit) return value;
    const rows = this.node("Transpose", "y_rows", [value], { perm: [0, 2, 1, 3] });
    return this.node("Reshape", "y_joined", [rows, this.integers("y_shape", [0, 0, -1])]);
  }

  /** Each head `times` times over, one beside the other. */
  repeatHeads(name: string, value: string, [heads, times, size]: readonly [number, number, number]): string {
    const apart = this.node("Unsqueeze", `${name}_apart`, [value, this.integers("group_axis", [2])]);
    const shape = this.integers("group_shape", [1, 1, times, 1, 1]);
    const groups = this.node("Expand", `${name}_groups`, [apart, shape]);
    return this.node("Reshape", `${name}_repeated`, [groups, this.integers(`${name}_whole`, [0, heads, -1, size])]);
  }

  /** The extent of an axis, of rank 0. */
  extent(name: string, value: string, axis: number): string {
    const shape = this.node("Shape", `${name}_extent`, [value], { start: axis, end: axis + 1 });
    return this.node("Squeeze", `${name}_count`, [shape, this.integers("only_axis", [0])]);
  }

  /** 0, 1, … along an axis. */
  places(name: string, value: string, axis: number): string {
    const [zero, one] = [this.integers("none", [0], []), this.integers("one", [1], [])];
    return this.node("Range", name, [zero, this.extent(name, value, axis), one]);
  }

  #constant(name: string, tensor: HostTensor): string {
    const full = `${this.#prefix}/${name}`;
    this.constants.set(full, tensor);
    return full;
  }
}

function plainNode(
  type: string,
  name: string,
  inputs: readonly string[],
  output: string,
  attributes: Readonly<Record<string, number | readonly number[]>>,
): Node {
  const typed = Object.entries(attributes).map(([key, value]): [string, AttributeValue] => [
    key,
    typeof value === "number" ? { type: "int", value } : { type: "ints", value },
  ]);
  return { name, type, domain: "", inputs, outputs: [output], attributes: new Map(typed) };
}
