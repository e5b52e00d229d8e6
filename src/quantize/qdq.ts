/**
 * A prepared graph and a precision assignment → a plain ONNX graph with QuantizeLinear and DequantizeLinear.
 *
 * Runtimes fuse `DequantizeLinear → operator → QuantizeLinear` into integer kernels. So activations get a pair at the value
 * they are quantized at and one behind every operator that moves their codes on; weights are stored as integers with a
 * DequantizeLinear, biases as int32. Groups in float get nothing and keep the original's initializers.
 */
import { type Assignment, FLOAT } from "../base/precision.ts";
import { type HostTensor, hostTensor } from "../base/tensor.ts";
import type { Attributes } from "../graph/attributes.ts";
import type { Graph, Node } from "../graph/graph.ts";
import type { Quantizer, QuantizerParameters } from "../graph/quantizer.ts";
import { removeDeadNodes } from "../graph/edit.ts";
import { isZero } from "./biases.ts";
import type { Candidate } from "./candidate.ts";
import { readsTable } from "./embeddings.ts";
import { codeType } from "./fake_quantize.ts";
import { operandKey } from "./groups.ts";
import { raiseOpset } from "./opset.ts";
import type { Prepared } from "./prepare.ts";

/** First opset with per-channel DequantizeLinear. */
const QDQ_OPSET = 13;

/** How the exported graph is written. */
export interface QdqOptions {
  /**
   * `uint8`, the default, stores signed activation codes shifted by 128 with zero point 128: the same values, and all
   * activations of one type, without which ONNX Runtime does not fuse. `calibrated` keeps int8 where codes are signed.
   */
  readonly activationType?: "uint8" | "calibrated";
}

/** Builds the graph of an assignment: for each group `FLOAT`, or the index of one of `candidates`. */
export function buildQdq(
  prepared: Prepared,
  candidates: readonly Candidate[],
  assignment: Assignment,
  options: QdqOptions = {},
): Graph {
  const raised = raiseOpset(prepared.graph, prepared.view.typed.types, QDQ_OPSET);
  return removeDeadNodes(new QdqBuilder(prepared, candidates, assignment, options, raised).build());
}

/** Throws UnsupportedError for a graph that cannot be written as QDQ, which is known before anything is calibrated. */
export function refuseUnexportable(prepared: Prepared): void {
  raiseOpset(prepared.graph, prepared.view.typed.types, QDQ_OPSET);
}

class QdqBuilder {
  readonly #prepared: Prepared;
  readonly #candidates: readonly Candidate[];
  readonly #assignment: Assignment;
  readonly #options: QdqOptions;
  readonly #graph: Graph;
  readonly #initializers: Map<string, HostTensor>;
  readonly #names: Set<string>;
  /** Type, shape and values → the initializer that holds them. */
  readonly #zeroPoints = new Map<string, string>();
  /** What each operand reads instead. */
  readonly #reads = new Map<string, string>();
  /** What nodes put out instead. */
  readonly #renamed = new Map<string, string>();
  /** Nodes to put right after what produces a value; "" for those over graph inputs and initializers. */
  readonly #behind = new Map<string, Node[]>();

  constructor(
    prepared: Prepared,
    candidates: readonly Candidate[],
    assignment: Assignment,
    options: QdqOptions,
    graph: Graph,
  ) {
    this.#prepared = prepared;
    this.#candidates = candidates;
    this.#assignment = assignment;
    this.#options = options;
    this.#graph = graph;
    this.#initializers = new Map(graph.initializers);
    for (const [copy, original] of prepared.originals) {
      this.#initializers.set(original, graph.initializers.get(copy)!);
    }
    this.#names = new Set([
      ...graph.inputs.map((input) => input.name),
      ...this.#initializers.keys(),
      ...graph.nodes.flatMap((node) => [node.name, ...node.outputs]),
    ]);
  }

  build(): Graph {
    const { quantizers } = this.#prepared.layout;
    for (const quantizer of quantizers) {
      const candidate = this.#candidateOf(quantizer);
      if (quantizer.kind === "activation") {
        if (candidate) this.#quantizeActivation(quantizer.value, quantizer, candidate.parameters.get(quantizer.id)!);
      } else if (candidate) {
        this.#storeConstant(quantizer, candidate);
      }
    }
    for (const [value, id] of this.#prepared.carried) {
      const quantizer = quantizers[id]!;
      const candidate = this.#candidateOf(quantizer);
      if (candidate) this.#quantizeCarried(value, quantizer, candidate.parameters.get(id)!);
    }
    return { ...this.#graph, nodes: this.#rewriteNodes(), initializers: this.#initializers };
  }

  /** The candidate in force at a site; undefined where the site computes in float. */
  #candidateOf({ id, group }: Quantizer): Candidate | undefined {
    const state = this.#assignment[group] ?? FLOAT;
    if (state === FLOAT) return undefined;
    const candidate = this.#candidates[state];
    if (!candidate) {
      throw new RangeError(
        `Cannot export group ${group}: its candidate is ${state}, expected 0 to ${this.#candidates.length - 1}`,
      );
    }
    return candidate.parameters.has(id) || candidate.tensors.has(id) ? candidate : undefined;
  }

  #quantizeActivation(value: string, { consumers }: Quantizer, parameters: QuantizerParameters): void {
    const output = this.#pair(value, parameters);
    for (const { node, input } of consumers) this.#reads.set(operandKey(node, input), output);
  }

  /** A pair behind an operator that moved codes: they pass it unchanged. Readers of the shape read past it. */
  #quantizeCarried(value: string, { id }: Quantizer, parameters: QuantizerParameters): void {
    const readers = this.#prepared.view.consumers(value).filter(({ node, input }) =>
      this.#prepared.quantizerAt.get(operandKey(node.name, input)) !== undefined
    );
    if (readers.length === 0) return;
    const output = this.#pair(value, parameters);
    for (const { node, input } of readers) {
      if (this.#prepared.quantizerAt.get(operandKey(node.name, input)) === id) {
        this.#reads.set(operandKey(node.name, input), output);
      }
    }
  }

  /** QuantizeLinear and DequantizeLinear of an activation; returns the value behind them. */
  #pair(value: string, parameters: QuantizerParameters): string {
    const { scale, zeroPoint, low } = parameters;
    const shift = low < 0 && (this.#options.activationType ?? "uint8") === "uint8" ? -low : 0;
    const dtype = codeType({ low: low + shift, high: parameters.high + shift });
    const scaleName = this.#store(`${value}_scale`, hostTensor("float32", [], scale));
    const zeroName = this.#storeZeroPoint(hostTensor(dtype, [], [zeroPoint[0]! + shift]));
    const codes = this.#fresh(`${value}_QuantizeLinear_Output`);
    const output = this.#fresh(`${value}_DequantizeLinear_Output`);
    this.#insertBehind(value, [
      this.#node("QuantizeLinear", value, [value, scaleName, zeroName], codes),
      this.#node("DequantizeLinear", value, [codes, scaleName, zeroName], output),
    ]);
    return output;
  }

  /** An integer initializer with a DequantizeLinear, or a float one where the candidate has no codes for it. */
  #storeConstant(quantizer: Quantizer, candidate: Candidate): void {
    const { id, consumers, channelAxis } = quantizer;
    const original = this.#originalName(quantizer.value);
    const codes = candidate.codes.get(id);
    const parameters = candidate.parameters.get(id);
    if (this.#isZeroAgain(quantizer.value, codes)) return;
    if (!codes || !parameters) {
      const changed = this.#store(`${original}_corrected`, candidate.tensors.get(id)!);
      for (const { node, input } of consumers) this.#reads.set(operandKey(node, input), changed);
      return;
    }
    const isPerChannel = parameters.scale.length > 1 || channelAxis !== undefined;
    const shape = isPerChannel ? [parameters.scale.length] : [];
    const codesName = this.#store(`${original}_quantized`, codes);
    const scaleName = this.#store(`${original}_scale`, hostTensor("float32", shape, parameters.scale));
    const inputs = codes.dtype === "int32"
      ? [codesName, scaleName]
      : [codesName, scaleName, this.#storeZeroPoint(hostTensor(codes.dtype, shape, parameters.zeroPoint))];
    if (readsTable(this.#prepared.view, this.#prepared.view.node(consumers[0]!.node))) {
      for (const { node } of consumers) this.#gatherCodes(node, inputs, isPerChannel);
      return;
    }
    const output = this.#fresh(`${original}_DequantizeLinear_Output`);
    const attributes: Attributes = isPerChannel
      ? new Map([["axis", { type: "int", value: channelAxis ?? 0 }]])
      : new Map();
    this.#insertBehind("", [this.#node("DequantizeLinear", original, inputs, output, attributes)]);
    for (const { node, input } of consumers) this.#reads.set(operandKey(node, input), output);
  }

  /** Takes the rows as codes and dequantizes those alone: runtimes would otherwise dequantize the whole table for every run. */
  #gatherCodes(name: string, [codes, ...parameters]: readonly string[], isPerColumn: boolean): void {
    const { view } = this.#prepared;
    const output = view.node(name).outputs[0]!;
    const rows = this.#fresh(`${output}_quantized`);
    this.#reads.set(operandKey(name, 0), codes!);
    this.#renamed.set(output, rows);
    const axis = view.type(output)!.shape.length - 1;
    const attributes: Attributes = isPerColumn ? new Map([["axis", { type: "int", value: axis }]]) : new Map();
    this.#insertBehind(output, [this.#node("DequantizeLinear", output, [rows, ...parameters], output, attributes)]);
  }

  /** Whether a bias that the original does not have would add nothing. */
  #isZeroAgain(value: string, codes: HostTensor | undefined): boolean {
    return this.#prepared.addedBiases.has(this.#originalName(value)) && codes !== undefined && isZero(codes);
  }

  #rewriteNodes(): Node[] {
    const kept = this.#graph.nodes.flatMap((node) => {
      const inputs = node.inputs.map((value, input) =>
        this.#reads.get(operandKey(node.name, input)) ?? this.#originalName(value)
      );
      while (inputs.length > 0 && this.#isAddedBias(inputs.at(-1)!)) inputs.pop();
      const outputs = node.outputs.map((output) => this.#renamed.get(output) ?? output);
      return [{ ...node, inputs, outputs }, ...node.outputs.flatMap((output) => this.#behind.get(output) ?? [])];
    });
    const inputs = this.#graph.inputs.flatMap((input) => this.#behind.get(input.name) ?? []);
    return [...this.#behind.get("") ?? [], ...inputs, ...kept];
  }

  /** A bias of zeros still read as it was added: its layer is in float, or its correction came to nothing. */
  #isAddedBias(value: string): boolean {
    return this.#prepared.addedBiases.has(value);
  }

  /** Copies of shared initializers go back to the one initializer. */
  #originalName(value: string): string {
    return this.#prepared.originals.get(value) ?? value;
  }

  #insertBehind(value: string, nodes: readonly Node[]): void {
    this.#behind.set(value, [...this.#behind.get(value) ?? [], ...nodes]);
  }

  #node(
    type: "QuantizeLinear" | "DequantizeLinear",
    about: string,
    inputs: readonly string[],
    output: string,
    attributes: Attributes = new Map(),
  ): Node {
    return { name: this.#fresh(`${about}_${type}`), type, domain: "", inputs, outputs: [output], attributes };
  }

  /** Zero points take few values, so that equal ones are stored once: with names they would be a part of small files. */
  #storeZeroPoint(tensor: HostTensor): string {
    const key = `${tensor.dtype}|${tensor.shape}|${tensor.data}`;
    const known = this.#zeroPoints.get(key);
    if (known !== undefined) return known;
    const name = this.#store(`zero_point_${tensor.dtype}_${tensor.data[0] ?? 0}`, tensor);
    this.#zeroPoints.set(key, name);
    return name;
  }

  #store(wanted: string, tensor: HostTensor): string {
    const name = this.#fresh(wanted);
    this.#initializers.set(name, tensor);
    return name;
  }

  #fresh(wanted: string): string {
    let name = wanted;
    for (let count = 1; this.#names.has(name); count++) name = `${wanted}_${count}`;
    this.#names.add(name);
    return name;
  }
}
