/** Chains of elementwise operators over one tensor and numbers, computed at once instead of one after the other. */
import code from "../../shaders/chain4.wgsl" with { type: "text" };
import {
  type Activation,
  ACTIVATIONS,
  type ChainFunction,
  type Dispatch,
  dispatch,
  linearGrid,
  MOST_SCALARS,
  type Shader,
  WORKGROUP_SIZE,
} from "../base/dispatch.ts";

const shader: Shader<"WORKGROUP_SIZE", "length" | "scalars"> = {
  name: "chain4",
  code,
  constants: ["WORKGROUP_SIZE"],
  uniforms: ["length", "scalars"],
  epilogue: true,
};

/** What an operator computes of float32 elements. */
export type ChainFormula =
  /** WGSL expression in `a` and `b`, vectors of four elements. */
  | { readonly kind: "vectors"; readonly expression: string }
  /** WGSL expression in `x`, one element, and the numbers `params.alpha` and `params.beta`. */
  | { readonly kind: "element"; readonly expression: string; readonly alpha: number; readonly beta: number }
  | { readonly kind: "activation"; readonly activation: Activation };

/** One operator of a chain. */
export interface ChainLink {
  readonly formula: ChainFormula;
  /** Values that it takes: the chain's input (0), the result of link n (n, counted from 1), or a number. */
  readonly operands: readonly (number | { readonly scalar: number })[];
}

/** The function that computes the last link; undefined where the chain takes more than MOST_SCALARS numbers. */
export function chainFunction(links: readonly ChainLink[], name: string): ChainFunction | undefined {
  const scalars: number[] = [];
  const scalar = (value: number) => {
    scalars.push(value);
    const place = scalars.length - 1;
    return `scalars[${place >> 2}].${"xyzw"[place & 3]}`;
  };
  const functions: string[] = [];
  const lines = links.map(({ formula, operands }, index) => {
    const given = operands.map((operand) =>
      typeof operand === "number" ? `v${operand}` : `vec4<f32>(${scalar(operand.scalar)})`
    );
    const result = resultOf(formula, { given, scalar, functions, name: `${name}_${index + 1}` });
    return `  let v${index + 1} = ${result};\n`;
  });
  if (scalars.length > MOST_SCALARS) return undefined;
  functions.push(`fn ${name}(v0: vec4<f32>, scalars: array<vec4<f32>, ${MOST_SCALARS / 4}>) -> vec4<f32> {
${lines.join("")}  return v${links.length};
}`);
  return { kind: "chain", code: `${functions.join("\n")}\n`, name, scalars };
}

/** The pass that computes a chain named `chain` for `length` elements, a multiple of 4. */
export function chainDispatch({ code: functions, scalars }: ChainFunction, length: number): Dispatch {
  return dispatch(shader, {
    bindings: ["x0", "y0"],
    constants: { WORKGROUP_SIZE },
    uniforms: { length: length / 4, scalars },
    aliases: { T: "f32", R: "f32" },
    functions,
    storesQuads: true,
    workgroups: linearGrid(length / 4, WORKGROUP_SIZE),
  });
}

/** WGSL expression of a link's result; what it calls is added to `functions`. */
function resultOf(
  formula: ChainFormula,
  { given, scalar, functions, name }: {
    readonly given: readonly string[];
    readonly scalar: (value: number) => string;
    readonly functions: string[];
    readonly name: string;
  },
): string {
  switch (formula.kind) {
    case "vectors":
      functions.push(`fn ${name}(a: vec4<f32>, b: vec4<f32>) -> vec4<f32> { return ${formula.expression}; }`);
      return `${name}(${given.join(", ")})`;
    case "activation": {
      const { kind, alpha = 0, beta = 0 } = formula.activation;
      return `${ACTIVATIONS[kind]}(${given[0]}, vec2<f32>(${scalar(alpha)}, ${scalar(beta)}))`;
    }
    case "element": {
      const numbers = `${scalar(formula.alpha)}, ${scalar(formula.beta)}`;
      const expression = formula.expression.replace(/\bparams\.(alpha|beta)\b/g, "$1");
      functions.push(`fn ${name}(x: f32, alpha: f32, beta: f32) -> f32 { return ${expression}; }`);
      const of = (member: string) => `${name}(${given[0]}.${member}, ${numbers})`;
      return `vec4<f32>(${["x", "y", "z", "w"].map(of).join(", ")})`;
    }
  }
}
