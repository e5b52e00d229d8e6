/** An inspected model as text. */
import { formatShape } from "../base/tensor.ts";
import { formatBytes, formatCount, formatPlural, formatTable } from "./table.ts";

/** An input or output as shown. */
interface ShownValue {
  readonly name: string;
  readonly dtype: string;
  readonly shape: readonly (number | string)[] | undefined;
}

/** What is shown of a model. */
export interface ShownInspection {
  readonly model: string;
  readonly byteLength: number;
  readonly opset: number;
  readonly irVersion: number;
  readonly producer: string;
  readonly inputs: readonly ShownValue[];
  readonly outputs: readonly ShownValue[];
  readonly operators: readonly {
    readonly type: string;
    readonly domain: string;
    readonly count: number;
    readonly isSupported: boolean;
    readonly onHost: number;
  }[];
  readonly parameters: number;
  readonly macs: number | undefined;
  readonly groups:
    | readonly {
      readonly name: string;
      readonly macs: number;
      readonly quantizers: readonly number[];
      readonly nodes: readonly string[];
    }[]
    | undefined;
  readonly skipped: Readonly<Record<string, string>>;
  readonly problem: string | undefined;
}

/** Head, operators and groups. */
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
