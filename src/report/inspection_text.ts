/** An inspected model as text. */
import { formatShape } from "../base/tensor.ts";
import { formatBytes, formatCount, formatPlural, formatTable } from "./table.ts";

/** An input or output as shown. */
export interface ShownValue {
  /** Name of the value. */
  readonly name: string;
  /** Element type. */
  readonly dtype: string;
  /** Extents; names for those that are free, undefined where nothing is known. */
  readonly shape: readonly (number | string)[] | undefined;
}

/** What is shown of a model. */
export interface ShownInspection {
  /** Name of the model. */
  readonly model: string;
  /** Size of the file in bytes. */
  readonly byteLength: number;
  /** Version of the operator set. */
  readonly opset: number;
  /** Version of the file format. */
  readonly irVersion: number;
  /** Program that wrote the file; may be empty. */
  readonly producer: string;
  /** Inputs of the network. */
  readonly inputs: readonly ShownValue[];
  /** Outputs of the network. */
  readonly outputs: readonly ShownValue[];
  /** Operator types with the number of nodes, and whether they are supported. */
  readonly operators: readonly {
    readonly type: string;
    readonly domain: string;
    readonly count: number;
    readonly isSupported: boolean;
    readonly onHost: number;
  }[];
  /** Elements of all float constants. */
  readonly parameters: number;
  /** Multiply-accumulates per sample; undefined where the network cannot be planned. */
  readonly macs: number | undefined;
  /** Groups of layers that change precision together. */
  readonly groups:
    | readonly {
      readonly name: string;
      readonly macs: number;
      readonly quantizers: readonly number[];
      readonly nodes: readonly string[];
    }[]
    | undefined;
  /** Quantizable nodes that stay in float → why. */
  readonly skipped: Readonly<Record<string, string>>;
  /** Why the network cannot be planned; undefined where it can. */
  readonly problem: string | undefined;
}

/**
 * Head, operators and groups.
 *
 * ```ts
 * import { formatInspection, inspectModel, loadModel } from "@holdfast/holdfast";
 *
 * console.log(formatInspection(inspectModel(await loadModel("model.onnx"))));
 * ```
 */
export function formatInspection(inspection: ShownInspection): string {
  const { operators, groups, skipped, problem } = inspection;
  const missing = operators.filter(({ isSupported }) => !isSupported);
  const lines = [formatHead(inspection), "", "Operators", formatOperators(operators)];
  if (missing.length > 0) lines.push("", `Not supported: ${missing.map(nameOf).join(", ")}`);
  if (problem !== undefined) lines.push("", problem);
  if (groups) {
    lines.push("", formatPlural(groups.length, "quantizer group"), formatGroups(groups, inspection.macs ?? 0));
  }
  if (Object.keys(skipped).length > 0) {
    lines.push("", "Quantizable, left in float", formatTable(Object.entries(skipped), "  "));
  }
  return lines.join("\n");
}

function formatHead(inspection: ShownInspection): string {
  const { model, byteLength, opset, irVersion, producer, inputs, outputs, parameters, macs } = inspection;
  return formatTable([
    ["Model", `${model} (${formatBytes(byteLength)})`],
    ["Opset", `${opset} (IR version ${irVersion}${producer ? `, ${producer}` : ""})`],
    ...inputs.map((input) => ["Input", formatValue(input)]),
    ...outputs.map((output) => ["Output", formatValue(output)]),
    ["Parameters", formatCount(parameters)],
    ["MACs", macs === undefined ? "unknown" : `${formatCount(macs)} per sample`],
  ]);
}

function formatValue({ name, dtype, shape }: ShownValue): string {
  return `${name}  ${dtype} ${
    shape ? formatShape(shape.map((extent) => extent === "" ? "?" : extent)) : "of any shape"
  }`;
}

function formatOperators(operators: ShownInspection["operators"]): string {
  return formatTable(
    operators.map((operator) => [operator.count, nameOf(operator), ...remarkOn(operator)]),
    "  ",
  );
}

function remarkOn({ isSupported, onHost, count }: ShownInspection["operators"][number]): string[] {
  if (!isSupported) return ["not supported"];
  if (onHost === 0) return [];
  return [onHost === count ? "on the host" : `${onHost} of them on the host`];
}

function nameOf({ type, domain }: { readonly type: string; readonly domain: string }): string {
  return domain ? `${domain}.${type}` : type;
}

function formatGroups(groups: NonNullable<ShownInspection["groups"]>, total: number): string {
  const rows = groups.map(({ name, macs, quantizers, nodes }) => [
    name,
    `${(100 * macs / Math.max(1, total)).toFixed(1)} % of MACs`,
    formatPlural(quantizers.length, "quantizer"),
    nodes.length > 1 ? `with ${nodes.slice(1).join(", ")}` : "",
  ]);
  return formatTable(rows, "  ");
}
