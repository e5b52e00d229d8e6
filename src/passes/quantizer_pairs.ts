/** Finds pairs of QuantizeLinear and DequantizeLinear that do to a value what a quantizer does. */
import { elementCount, isFloat, type TensorType } from "../base/tensor.ts";
import { capturedBy } from "../graph/captures.ts";
import type { Node } from "../graph/graph.ts";
import type { Operand, Quantizer, QuantizerParameters } from "../graph/quantizer.ts";
import type { TypedGraph } from "../ops/infer.ts";
import type { ResolvedNode } from "../ops/resolve.ts";

/** What is read in place of a value behind a pair. */
export interface QuantizedSource {
  /** The value before the pair. */
  readonly value: string;
  readonly parameters: QuantizerParameters;
}

/** The pairs of a graph. */
export interface Pairs {
  /** Names of the nodes that go. */
  readonly removed: ReadonlySet<string>;
  /** Output of a removed DequantizeLinear → the value that its readers read instead. */
  readonly sources: ReadonlyMap<string, string>;
  /** Values that get a quantizer, with the operands that read them quantized. */
  readonly quantized: readonly (QuantizedSource & Required<Pick<Quantizer, "consumers" | "carriedTo">>)[];
  /** The number that all elements of a value are whole multiples of; undefined where there is none. */
  scaleOf(value: string): number | undefined;
}

/** Finds the pairs of a graph without constant expressions. */
export function findPairs(typed: TypedGraph): Pairs {
  return new PairFinder(typed).find();
}

/** Lowest and highest code of the types that quantizers have. */
const CODES: ReadonlyMap<string | undefined, readonly [number, number]> = new Map([
  ["int8", [-128, 127]],
  ["uint8", [0, 255]],
]);

/** A QuantizeLinear and the DequantizeLinear nodes that alone read its codes. */
interface Pair {
  readonly parameters: QuantizerParameters;
  readonly nodes: readonly Node[];
  readonly outputs: readonly string[];
}

/** How a value has been quantized, and which one was: undefined where its codes came from outside. */
interface Settled {
  readonly parameters: QuantizerParameters;
  readonly origin: string | undefined;
}

interface Reader {
  readonly node: Node;
  readonly input: number;
}

class PairFinder {
  readonly #typed: TypedGraph;
  readonly #readers = new Map<string, Reader[]>();
  /** Values that leave the graph, or that a body of control flow reads. */
  readonly #escaping: Set<string>;
  readonly #removed = new Set<string>();
  readonly #sources = new Map<string, string>();
  readonly #quantized = new Map<string, QuantizerParameters>();
  /** Values that have been quantized already: with these parameters nothing would change. */
  readonly #settled = new Map<string, Settled>();

  constructor(typed: TypedGraph) {
    this.#typed = typed;
    this.#escaping = new Set(typed.graph.outputs.map(({ name }) => name));
    for (const { node } of typed.nodes) {
      node.inputs.forEach((name, input) => {
        const readers = this.#readers.get(name);
        if (readers) readers.push({ node, input });
        else this.#readers.set(name, [{ node, input }]);
      });
      for (const name of capturedBy(node)) this.#escaping.add(name);
    }
  }

  find(): Pairs {
    for (const { name } of this.#typed.graph.inputs) this.#take(name);
    for (const resolved of this.#typed.nodes) {
      this.#settle(resolved);
      for (const output of resolved.node.outputs) if (output !== "") this.#take(output);
    }
    const consumers = new Map<string, Reader[]>([...this.#quantized.keys()].map((value) => [value, []]));
    for (const [output, value] of this.#sources) {
      const readers = this.#readersOf(output).filter(({ node }) => !this.#removed.has(node.name));
      consumers.get(value)?.push(...readers);
    }
    return {
      removed: this.#removed,
      sources: this.#sources,
      quantized: [...this.#quantized].flatMap(([value, parameters]) => {
        const own = consumers.get(value)!.map(({ node, input }) => ({ node: node.name, input }));
        return own.length === 0 ? [] : [{ value, parameters, consumers: own, carriedTo: this.#carriedFrom(value) }];
      }),
      scaleOf: (value) => this.#settled.get(value)?.parameters.scale[0],
    };
  }

  /** Operands that read the codes of a value behind nodes that move them. */
  #carriedFrom(origin: string): Operand[] {
    return [...this.#settled].flatMap(([value, settled]) =>
      settled.origin !== origin || this.#sources.get(value) === origin
        ? []
        : this.#readersOf(value).filter(({ node }) => !this.#removed.has(node.name))
          .map(({ node, input }) => ({ node: node.name, input }))
    );
  }

  /** Takes the pairs over a value: those that change nothing more, and all others where they are alike. */
  #take(value: string): void {
    const quantizers = this.#readersOf(value).filter(({ node, input }) => input === 0 && isOf(node, "QuantizeLinear"));
    const pairs = quantizers.flatMap(({ node }) => this.#pairOf(node) ?? []);
    const [first] = pairs;
    if (!first) return;
    const settled = this.#settled.get(value);
    const isAlike = pairs.length === quantizers.length && pairs.every((pair) => isSame(pair, first)) &&
      !this.#sources.has(value);
    for (const { parameters, nodes, outputs } of pairs) {
      const isIdle = settled !== undefined && isSame(settled, { parameters });
      if (!isIdle && !isAlike) continue;
      if (!isIdle) this.#quantized.set(value, parameters);
      for (const { name } of nodes) this.#removed.add(name);
      for (const output of outputs) {
        this.#sources.set(output, this.#sources.get(value) ?? value);
        this.#settled.set(output, isIdle ? settled : { parameters, origin: value });
      }
    }
  }

  #pairOf(quantize: Node): Pair | undefined {
    const [codes] = quantize.outputs as [string];
    const parameters = this.#parametersOf(quantize, this.#type(codes));
    const source = this.#type(quantize.inputs[0]!);
    if (!parameters || source?.dtype !== "float32" || source.value || this.#escaping.has(codes)) return undefined;
    const readers = this.#readersOf(codes);
    const fits = readers.every(({ node, input }) => {
      if (input !== 0 || !isOf(node, "DequantizeLinear")) return false;
      const own = this.#parametersOf(node, this.#type(codes));
      const [output] = node.outputs as [string];
      return own !== undefined && isSame({ parameters: own }, { parameters }) && !this.#escaping.has(output) &&
        this.#type(output)?.dtype === "float32";
    });
    if (!fits) return undefined;
    const nodes = readers.map(({ node }) => node);
    return { parameters, nodes: [quantize, ...nodes], outputs: nodes.map(({ outputs }) => outputs[0]!) };
  }

  /** Parameters of a node with one constant scale and zero point for all elements, whose codes have the given type. */
  #parametersOf({ inputs, attributes }: Node, codes: TensorType | undefined): QuantizerParameters | undefined {
    const range = CODES.get(codes?.dtype);
    const [scale, zeroPoint] = inputs.slice(1).map((name) => name === "" ? undefined : this.#type(name));
    if (!range || !isSingle(scale) || (zeroPoint && !isSingle(zeroPoint))) return undefined;
    const [value] = scale.value;
    const isBlocked = (attributes.get("block_size")?.value ?? 0) !== 0;
    if (isBlocked || value === undefined || !(value > 0 && value < Infinity)) return undefined;
    const [low, high] = range;
    return { scale: Float32Array.of(value), zeroPoint: Int32Array.of(zeroPoint?.value[0] ?? 0), low, high };
  }

  /** Notes which outputs of a node are quantized already: what was dequantized, and elements that are only moved. */
  #settle({ node, operator }: ResolvedNode): void {
    const isDequantize = isOf(node, "DequantizeLinear");
    const isMoving = operator.quant.kind === "agnostic" && this.#onlyMoves(node);
    if (!isDequantize && !isMoving && operator.quant.kind !== "concat") return;
    const [first, ...others] = node.inputs;
    const settled = isDequantize ? this.#dequantized(node) : this.#settled.get(first!);
    const isOne = operator.quant.kind !== "concat" || others.every((other) => {
      const own = this.#settled.get(other);
      return own && settled && isSame(own, settled);
    });
    if (!settled || !isOne) return;
    for (const output of node.outputs) {
      if (this.#type(output)?.dtype === "float32" && !this.#settled.has(output)) this.#settled.set(output, settled);
    }
  }

  #dequantized(node: Node): Settled | undefined {
    const parameters = this.#parametersOf(node, this.#type(node.inputs[0]!));
    return parameters && { parameters, origin: undefined };
  }

  /** Whether every element of the outputs is one of the first input, or zero, which all scales have. */
  #onlyMoves({ inputs, attributes }: Node): boolean {
    const hasOther = inputs.slice(1).some((name) => isFloat(this.#type(name)?.dtype ?? "int64"));
    return !hasOther && !attributes.has("value");
  }

  #readersOf(value: string): readonly Reader[] {
    return this.#readers.get(value) ?? [];
  }

  #type(value: string): TensorType | undefined {
    return this.#typed.types.get(value);
  }
}

function isOf(node: Node, type: string): boolean {
  return node.type === type && node.domain === "";
}

function isSingle(type: TensorType | undefined): type is TensorType & Required<Pick<TensorType, "value">> {
  return type?.value !== undefined && elementCount(type.shape) === 1;
}

function isSame({ parameters: a }: Pick<Pair, "parameters">, { parameters: b }: Pick<Pair, "parameters">): boolean {
  return a.scale[0] === b.scale[0] && a.zeroPoint[0] === b.zeroPoint[0] && a.low === b.low && a.high === b.high;
}
