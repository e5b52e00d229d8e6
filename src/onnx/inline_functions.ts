/** Replaces calls of functions that a model defines by what is in them: modules of PyTorch's newer exporter come so. */
import { ModelError, UnsupportedError } from "../base/errors.ts";
import {
  type AttributeProto,
  type FunctionProto,
  type GraphProto,
  type ModelProto,
  type NodeProto,
  onnx,
  toNumber,
} from "./proto.ts";

/** Functions within functions up to which models are read: further down lies a function that calls itself. */
const MOST_LEVELS = 64;

/** Nodes up to which calls are replaced: a few functions that call each other twice make any number. */
const MOST_NODES = 100_000;

/** The model without functions; itself where it has none. */
export function inlineFunctions(model: ModelProto): ModelProto {
  const definitions = (model.functions ?? []) as FunctionProto[];
  if (definitions.length === 0 || !model.graph) return model;
  const functions = new Map<string, FunctionProto>();
  for (const one of definitions) {
    const key = keyOf(one.domain, one.name);
    if (functions.has(key)) throw new UnsupportedError(`Cannot import model: it defines function "${one.name}" twice`);
    checkOpset(one, model);
    functions.set(key, one);
  }
  const inliner = new Inliner(functions);
  const graph = changed(model.graph, { node: inliner.inlineNodes((model.graph.node ?? []) as NodeProto[], 0) });
  return changed(model, { graph, functions: [] });
}

function keyOf(domain: string | null | undefined, name: string | null | undefined): string {
  return `${domain ?? ""}:${name ?? ""}`;
}

/** A body counts on its own opset, which must be the model's: a graph has one. */
function checkOpset({ name, opsetImport }: FunctionProto, model: ModelProto): void {
  const opsetOf = (imports: ModelProto["opsetImport"]) => {
    const own = (imports ?? []).find(({ domain }) => !domain || domain === "ai.onnx");
    return own && toNumber(own.version);
  };
  const [wanted, found] = [opsetOf(opsetImport as ModelProto["opsetImport"]), opsetOf(model.opsetImport)];
  if (wanted === undefined || wanted === found) return;
  throw new UnsupportedError(
    `Cannot import model: function "${name}" is of opset ${wanted}, expected the model's ${found}`,
  );
}

class Inliner {
  readonly #functions: ReadonlyMap<string, FunctionProto>;
  #calls = 0;
  #nodes = 0;

  constructor(functions: ReadonlyMap<string, FunctionProto>) {
    this.#functions = functions;
  }

  inlineNodes(nodes: readonly NodeProto[], level: number): NodeProto[] {
    return nodes.flatMap((node) => {
      this.#nodes++;
      if (this.#nodes > MOST_NODES) {
        throw new ModelError(`Cannot import model: its functions come to over ${MOST_NODES} nodes`);
      }
      const called = this.#functions.get(keyOf(node.domain, node.opType));
      if (!called) return [withBodies(node, (body) => this.#inlineBody(body, level))];
      if (level === MOST_LEVELS) throw new ModelError(`Cannot import model: function "${called.name}" calls itself`);
      return this.inlineNodes(bodyOf(called, node, `${node.name || called.name}/${this.#calls++}/`), level + 1);
    });
  }

  #inlineBody(body: GraphProto, level: number): GraphProto {
    return changed(body, { node: this.inlineNodes((body.node ?? []) as NodeProto[], level) });
  }
}

/** The nodes of a function as they stand in for a call: values and nodes under names that begin with `prefix`, but for operands and results. */
function bodyOf(called: FunctionProto, call: NodeProto, prefix: string): NodeProto[] {
  const names = new Map<string, string>([["", ""]]);
  const [inputs, outputs] = [called.input ?? [], called.output ?? []];
  inputs.forEach((name, place) => names.set(name, call.input?.[place] ?? ""));
  const through: NodeProto[] = [];
  outputs.forEach((output, place) => {
    const result = call.output?.[place];
    if (!result) return;
    // A function may hand an operand on, and one value may be several results.
    if (inputs.includes(output) || outputs.indexOf(output) < place) {
      const source = names.get(output) ?? prefix + output;
      const name = `${prefix}output${place}`;
      through.push(onnx.NodeProto.create({ opType: "Identity", name, input: [source], output: [result] }) as NodeProto);
    } else names.set(output, result);
  });
  const rename = (name: string) => names.get(name) ?? prefix + name;
  const given = new Map((call.attribute ?? []).map((one) => [one.name ?? "", one as AttributeProto]));
  const optional = new Set(called.attribute ?? []);
  const bind = (attribute: AttributeProto): AttributeProto[] => {
    const wanted = attribute.refAttrName;
    if (!wanted) return [attribute];
    const value = given.get(wanted);
    if (value) return [changed(value, { name: attribute.name })];
    if (optional.has(wanted)) return [];
    throw new UnsupportedError(
      `Cannot import model: node "${call.name}" leaves attribute "${wanted}" of function "${called.name}" at its default`,
    );
  };
  return [...((called.node ?? []) as NodeProto[]).map((node) => renamed(node, rename, bind, prefix)), ...through];
}

function renamed(
  node: NodeProto,
  rename: (name: string) => string,
  bind: (attribute: AttributeProto) => AttributeProto[],
  prefix: string,
): NodeProto {
  const inner = changed(node, {
    name: node.name ? prefix + node.name : "",
    input: (node.input ?? []).map(rename),
    output: (node.output ?? []).map(rename),
    attribute: ((node.attribute ?? []) as AttributeProto[]).flatMap(bind),
  });
  return withBodies(inner, (body) => {
    const named = <T extends { name?: string | null }>(all: readonly T[] | null | undefined) =>
      (all ?? []).map((one) => changed(one, { name: rename(one.name ?? "") } as Partial<T>));
    return changed(body, {
      input: named(body.input),
      output: named(body.output),
      initializer: named(body.initializer),
      valueInfo: [],
      node: ((body.node ?? []) as NodeProto[]).map((one) => renamed(one, rename, bind, prefix)),
    });
  });
}

/** A node with the bodies of its control flow changed. */
function withBodies(node: NodeProto, change: (body: GraphProto) => GraphProto): NodeProto {
  const attributes = (node.attribute ?? []) as AttributeProto[];
  if (!attributes.some(({ g }) => g)) return node;
  const attribute = attributes.map((one) => one.g ? changed(one, { g: change(one.g as GraphProto) }) : one);
  return changed(node, { attribute });
}

/** A message with other fields; what it does not state keeps the schema's defaults, which lie in its prototype. */
function changed<T extends object>(message: T, fields: Partial<T>): T {
  return Object.assign(Object.create(Object.getPrototypeOf(message)), message, fields);
}
