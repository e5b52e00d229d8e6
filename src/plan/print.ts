/** A plan as text: one line per dispatch, for people and for diffs. */
import { formatShape } from "../base/tensor.ts";
import type { Epilogue, Operand, Plan, Step } from "./plan.ts";

/** Prints inputs, steps and outputs. Quantizers appear by number: `q3` where a store or a choice of buffers follows its state. */
export function printPlan(plan: Plan): string {
  const lines = [
    `buffers ${plan.buffers.length}, ${
      plan.buffers.reduce((sum, bytes) => sum + bytes, 0)
    } bytes, live ${plan.liveBytes}`,
    ...plan.inputs.map(({ name, type, slot }) => `input ${name} ${type.dtype}${formatShape(type.shape)} = s${slot}`),
    ...plan.prepare.map((step) => `prepare ${printStep(step, plan)}`),
    ...plan.steps.map((step) => printStep(step, plan)),
    ...plan.outputs.map(({ name, type, slot }) =>
      `output ${name} ${type.dtype}${formatShape(type.shape)} = ${slot === undefined ? "known" : `s${slot}`}`
    ),
  ];
  return lines.join("\n") + "\n";
}

function printStep(step: Step, plan: Plan): string {
  const { shader, bindings, workgroups } = step.dispatch;
  const operands = step.operands.map((operand, place) => `${bindings[place]}=${printOperand(operand, plan)}`);
  const shared = step.shared.map((place) => place === "residual" ? place : bindings[place]);
  const sharing = shared.length === 0 ? "" : ` shares ${shared.join(", ")}`;
  const condition = step.onlyFor === undefined ? "" : `if q${step.onlyFor} `;
  const epilogue = printEpilogue(step.epilogue, plan);
  return `${condition}${shader.name}(${operands.join(" ")})${epilogue}${sharing} groups ${workgroups.join("x")}  ${
    step.nodes.join(" + ")
  }`;
}

function printOperand(operand: Operand, plan: Plan): string {
  const { window } = operand;
  return `${printWhole(operand, plan)}${window ? `[${window.offset}+${window.length}]` : ""}`;
}

function printWhole(operand: Operand, plan: Plan): string {
  switch (operand.kind) {
    case "slot":
      return `s${operand.slot}`;
    case "choice":
      return `q${operand.quantizer}?s${operand.int8}:s${operand.float}`;
    case "constant": {
      const { name, quantizer } = plan.constants[operand.constant]!;
      return `${JSON.stringify(name.replaceAll("\0", "#"))}${quantizer === undefined ? "" : `@q${quantizer}`}`;
    }
  }
}

function printEpilogue(epilogue: Epilogue, plan: Plan): string {
  const { activation0, quantizer0, requantizes, wholeSums, residual, activation1, quantizer1 } = epilogue;
  const parts = [
    wholeSums ? "whole sums" : "",
    activation0.kind === "none" ? "" : activation0.kind,
    quantizer0 === undefined ? "" : `q${quantizer0}${requantizes ? " of sums" : ""}`,
    residual ? `+${printOperand(residual, plan)}` : "",
    activation1.kind === "none" ? "" : activation1.kind,
    quantizer1 === undefined ? "" : `q${quantizer1}`,
  ].filter((part) => part !== "");
  return parts.length === 0 ? "" : ` -> ${parts.join(" -> ")}`;
}
