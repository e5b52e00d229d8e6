/** Makes a module out of a kernel: constants and aliases before it, its epilogue and library functions after it. */
import { type Activation, ACTIVATIONS, type ChainFunction, type Dispatch, MOST_SCALARS } from "../base/dispatch.ts";
import activations from "../../shaders/lib/activation.wgsl" with { type: "text" };
import epilogue from "../../shaders/lib/epilogue.wgsl" with { type: "text" };
import fakeQuant from "../../shaders/lib/fake_quant.wgsl" with { type: "text" };
import index from "../../shaders/lib/index.wgsl" with { type: "text" };
import integers from "../../shaders/lib/integers.wgsl" with { type: "text" };
import numerics from "../../shaders/lib/numerics.wgsl" with { type: "text" };
import special from "../../shaders/lib/special.wgsl" with { type: "text" };
import sumOfProducts from "../../shaders/lib/sum_of_products.wgsl" with { type: "text" };

/** Library files, each linked when one of its functions is called. */
const LIBRARY = [index, integers, numerics, special, fakeQuant, sumOfProducts, activations].map((code) => ({
  code,
  /** Finds calls of the file's functions. */
  calls: new RegExp(`\\b(?:${functionsOf(code).join("|")})\\(`),
}));

/** All library files as one text. */
export const LIBRARY_CODE: string = LIBRARY.map(({ code }) => code).join("\n");

/** What the planner fused into a kernel's stores. */
export interface EpilogueFlags {
  readonly activation0: StoreActivation;
  readonly fakeQuant0: boolean;
  /** Set where fake-quant 0 is applied to sums of products of codes, which have a unit. */
  readonly requantizes: boolean;
  /** Set where sums of products of codes become whole numbers and stay float (Dispatch.wholeSum). */
  readonly wholeSums: boolean;
  /** Set where the unit of such sums is the product of the scales of two quantizers; else units lie behind the kernel's addend. */
  readonly hasFactors: boolean;
  readonly residual: boolean;
  readonly activation1: StoreActivation;
  readonly fakeQuant1: boolean;
}

/** An activation without its numbers, which are uniforms. */
export type StoreActivation = Activation["kind"] | Pick<ChainFunction, "name" | "code">;

/** The epilogue that stores what the kernel computed. */
export const PLAIN_EPILOGUE: EpilogueFlags = {
  activation0: "none",
  fakeQuant0: false,
  requantizes: false,
  wholeSums: false,
  hasFactors: false,
  residual: false,
  activation1: "none",
  fakeQuant1: false,
};

/** Stands in for the epilogue in kernels whose results are integers. */
const INTEGER_FINISH = "fn finish(value: R, index: u32) -> R { return value; }\n";

/** A declaration `@group(g) @binding(b) var<…>` of a linked module. */
export interface Binding {
  readonly group: number;
  readonly binding: number;
  readonly type: GPUBufferBindingType;
}

/** Whether the dispatch's stores pass through the epilogue, so that the planner may fuse into it. */
export function hasEpilogue(dispatch: Dispatch): boolean {
  return dispatch.shader.epilogue === true && (dispatch.aliases?.["R"] ?? "f32") === "f32";
}

/** The complete WGSL text of a dispatch; it declares the bindings that it uses. */
export function linkShader(dispatch: Dispatch, flags: EpilogueFlags = PLAIN_EPILOGUE): string {
  const { shader, constants } = dispatch;
  let own = withoutUnused(kernelOf(dispatch));
  if (hasEpilogue(dispatch)) {
    const isReady = /\bready\(\);/.test(own);
    const ready = isReady ? readyFunction(flags) : "";
    const isSum = dispatch.addend !== undefined || dispatch.wholeSum !== undefined;
    const chains = [flags.activation0, flags.activation1].map((one) => typeof one === "string" ? "" : one.code);
    own += withoutUnused(
      [epilogue, ready, ...chains, finishFunctions(flags, { ...dispatch, isReady, isSum })].join(""),
    );
  } else if (shader.epilogue) {
    own += INTEGER_FINISH;
  }
  const head = [
    ...Object.entries(constants).map(([name, value]) => `const ${name} = ${value};`),
    ...Object.entries(dispatch.aliases ?? {}).map(([name, type]) => `alias ${name} = ${type};`),
  ].join("\n");
  return `${head}\n${own}${librariesFor(own)}`;
}

/** What the functions of an epilogue depend on beside its flags. */
interface FinishForm {
  readonly storesQuads?: boolean;
  /** Whether the kernel calls `ready`. */
  readonly isReady: boolean;
  /** Whether what it stores are sums that may have a unit. */
  readonly isSum: boolean;
}

/**
 * `finish(value, index)` and `finish4(value, index)`: what to store at `index`, or at `index` to `index + 3`, of the output.
 * The int8 variant of a layer differs in the lines of fake-quant alone.
 *
 * Kernels of sums that may have a unit pass it as well: `unit_of` four times `scale_at` the place of the addend `c`. Those that make whole
 * numbers of their sums call `whole4` for that.
 */
function finishFunctions(flags: EpilogueFlags, { storesQuads = false, isReady, isSum }: FinishForm): string {
  const unit = isSum ? ", unit: Unit" : "";
  const finish4 = (residual: string) => `
fn finish4(value: vec4<f32>, index: u32${unit}) -> vec4<f32> {
  var v = value;
${finishSteps(flags, residual, isReady)}  return v;
}
`;
  const units = isSum ? unitFunctions(flags, isReady) : "";
  if (storesQuads) return `${units}\nalias Residual = vec4<f32>;\n${finish4("residual[index / 4u]")}`;
  return `${units}
alias Residual = f32;

fn finish(value: f32, index: u32${unit}) -> f32 {
  var v = vec4<f32>(value);
${finishSteps(flags, "residual[index]", isReady)}  return v.x;
}
${finish4("vec4<f32>(residual[index], residual[index + 1u], residual[index + 2u], residual[index + 3u])")}`;
}

function unitFunctions(flags: EpilogueFlags, isReady: boolean): string {
  return `
fn scale_at(index: u32) -> f32 {
  return ${scaleExpression(flags)};
}

fn unit_of(scale: vec4<f32>) -> Unit {
  return ${unitExpression(flags, isReady)};
}

fn whole4(sum: vec4<f32>, unit: Unit) -> vec4<f32> {
  return ${flags.wholeSums ? "whole_sum4(sum, unit)" : "sum"};
}
`;
}

function scaleExpression({ requantizes, wholeSums, hasFactors }: EpilogueFlags): string {
  if (!requantizes && !wholeSums) return "0.0";
  return hasFactors ? "factor0.x * factor1.x" : "c[index + arrayLength(&c) / 2u]";
}

function unitExpression({ requantizes, wholeSums }: EpilogueFlags, isReady: boolean): string {
  if (requantizes) return `unit_before(scale, ${isReady ? "own_" : ""}quantizer0)`;
  return wholeSums ? "unit_alone(scale)" : "no_unit()";
}

/** `ready()` for kernels that store many times: copies what the steps read of uniforms where that is read once. */
function readyFunction(flags: EpilogueFlags): string {
  const { activation0, activation1, fakeQuant0, fakeQuant1 } = flags;
  const takesParameters = (one: StoreActivation) => typeof one === "string" && ACTIVATIONS[one] !== undefined;
  const isChain = (one: StoreActivation) => typeof one !== "string";
  const chains = [activation0, activation1].some(isChain);
  const copies = [
    { isUsed: takesParameters(activation0), name: "activation0", from: "epilogue.activation0", type: "vec2<f32>" },
    { isUsed: fakeQuant0, name: "quantizer0", from: "quantizer0", type: "vec4<f32>" },
    { isUsed: takesParameters(activation1), name: "activation1", from: "epilogue.activation1", type: "vec2<f32>" },
    { isUsed: fakeQuant1, name: "quantizer1", from: "quantizer1", type: "vec4<f32>" },
    { isUsed: chains, name: "scalars", from: "epilogue.scalars", type: `array<vec4<f32>, ${MOST_SCALARS / 4}>` },
  ].filter(({ isUsed }) => isUsed);
  return `
${copies.map(({ name, type }) => `var<private> own_${name}: ${type};\n`).join("")}
fn ready() {
${copies.map(({ name, from }) => `  own_${name} = ${from};\n`).join("")}}
`;
}

function finishSteps(flags: EpilogueFlags, residual: string, isReady: boolean): string {
  const quantizer = (place: 0 | 1) => isReady ? `own_quantizer${place}` : `quantizer${place}`;
  return [
    ...flags.requantizes ? requantizeSteps(flags, quantizer(0), isReady) : [
      ...activationStep(flags.activation0, activation(0, isReady), isReady),
      ...flags.fakeQuant0 ? [`v = fake_quant4(v, ${quantizer(0)});`] : [],
    ],
    ...flags.residual ? [`v = v + ${residual};`] : [],
    ...activationStep(flags.activation1, activation(1, isReady), isReady),
    ...flags.fakeQuant1 ? [`v = fake_quant4(v, ${quantizer(1)});`] : [],
  ].map((line) => `  ${line}\n`).join("");
}

/** Bounds are compared in steps of the quantizer: runtimes leave out those that it implies. */
function requantizeSteps(flags: EpilogueFlags, quantizer: string, isReady: boolean): string[] {
  return [
    `v = in_steps4(v, unit, ${quantizer});`,
    ...activationStep(flags.activation0, `${activation(0, isReady)} / ${quantizer}.x`, isReady),
    `v = quantize_steps4(v, ${quantizer});`,
  ];
}

function activation(place: 0 | 1, isReady: boolean): string {
  return `${isReady ? "own_" : "epilogue."}activation${place}`;
}

function activationStep(one: StoreActivation, parameters: string, isReady: boolean): string[] {
  if (typeof one !== "string") return [`v = ${one.name}(v, ${isReady ? "own_" : "epilogue."}scalars);`];
  const name = ACTIVATIONS[one];
  return name === undefined ? [] : [`v = ${name}(v, ${parameters});`];
}

/** Library files whose functions the text calls, and those that they call in turn. */
function librariesFor(text: string): string {
  const linked = new Set<string>();
  let pending = text;
  for (;;) {
    const more = LIBRARY.filter(({ code, calls }) => !linked.has(code) && calls.test(pending));
    if (more.length === 0) return [...linked].join("");
    for (const { code } of more) linked.add(code);
    pending = more.map(({ code }) => code).join("");
  }
}

function functionsOf(code: string): string[] {
  return [...code.matchAll(/^fn (\w+)/gm)].map((match) => match[1]!);
}

/** What a kernel is without epilogue and library. */
function kernelOf({ shader, functions = "" }: Dispatch): string {
  return `${shader.code}\n${functions}\n`;
}

/** The operands that a kernel uses: one that is written for many cases may not need all that it declares. */
export function usedOperands(dispatch: Dispatch): Binding[] {
  return bindingsOf(withoutUnused(kernelOf(dispatch))).filter(({ group }) => group === 0);
}

/** A declaration of a binding: group, number, address space and name. */
const DECLARATION = /@group\((\d+)\)\s*@binding\((\d+)\)\s*var<([^>]+)>\s*(\w+)\s*:[^;]*;/g;

/** The text without declarations of bindings that it does not mention. */
function withoutUnused(code: string): string {
  // Comments and members of vectors may be called as bindings are.
  const body = code.replace(/\/\/.*$/gm, "").replace(DECLARATION, "").replace(/\.\s*\w+/g, "");
  return code.replace(
    DECLARATION,
    (declaration, _group, _binding, _space, name) => new RegExp(`\\b${name}\\b`).test(body) ? declaration : "",
  );
}

/** The bindings that a module declares, in order of group and binding. */
export function bindingsOf(code: string): Binding[] {
  const types: Record<string, GPUBufferBindingType> = {
    "uniform": "uniform",
    "storage, read": "read-only-storage",
    "storage": "read-only-storage",
    "storage, read_write": "storage",
  };
  return [...code.matchAll(DECLARATION)]
    .map(([, group, binding, space]) => ({
      group: Number(group),
      binding: Number(binding),
      type: types[space!.trim()]!,
    }))
    .sort((a, b) => a.group - b.group || a.binding - b.binding);
}

/** The module with those storage bindings that `selects` names declared writable. */
export function declareWritable(
  code: string,
  selects: (binding: Pick<Binding, "group" | "binding">) => boolean,
): string {
  return code.replace(DECLARATION, (declaration, group, binding, space) => {
    const isSelected = space !== "uniform" && selects({ group: Number(group), binding: Number(binding) });
    return isSelected ? declaration.replace(`<${space}>`, "<storage, read_write>") : declaration;
  });
}
