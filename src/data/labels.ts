/** Labels in the forms in which they are stored, checked against the samples. */
import { DatasetError } from "../base/errors.ts";
import { elementCount, type HostTensor, isFloat } from "../base/tensor.ts";
import type { Labels } from "./dataset.ts";
import { didYouMean } from "./spelling.ts";

/** Where labels come from, for messages, and the class names that they may use instead of numbers. */
export interface LabelContext {
  /** The file as messages show it. */
  readonly what: string;
  readonly classes: readonly string[] | undefined;
}

/** A label as written: an integer, or a class name where those are known. `where` says which, for messages. */
export function parseClass(value: unknown, where: string, context: LabelContext): number {
  const { what, classes } = context;
  const text = typeof value === "string" ? value.trim() : value;
  const named = typeof text === "string" ? classes?.indexOf(text) ?? -1 : -1;
  if (named >= 0) return named;
  const number = typeof text === "string" && /^[+-]?\d+$/.test(text) ? Number(text) : text;
  if (typeof number !== "number" || !Number.isInteger(number)) {
    const expected = classes === undefined
      ? 'an integer; name a file of class names under "classes"'
      : "an integer or a class name";
    const hint = classes !== undefined && typeof text === "string" ? didYouMean(text, classes) : "";
    throw new DatasetError(
      `Cannot read labels ${what}: ${where} is ${JSON.stringify(value)}, expected ${expected}${hint}`,
    );
  }
  if (number < 0 || number > 0x7fffffff) {
    throw new DatasetError(`Cannot read labels ${what}: ${where} is ${number}, expected a class from 0`);
  }
  if (classes !== undefined && number >= classes.length) {
    throw new DatasetError(
      `Cannot read labels ${what}: ${where} is ${number}, expected below ${classes.length}, the number of classes`,
    );
  }
  return number;
}

/** A list of integers or class names, one per sample. */
export function labelsFromList(list: readonly unknown[], samples: number, context: LabelContext): Labels {
  checkCount(list.length, samples, context.what);
  return {
    kind: "classes",
    values: Int32Array.from(list, (value, index) => parseClass(value, `label ${index}`, context)),
  };
}

/** An array: classes where it holds one integer per sample, otherwise targets. */
export function labelsFromTensor(tensor: HostTensor, samples: number, context: LabelContext): Labels {
  const { dtype, shape, data } = tensor;
  checkCount(shape[0] ?? 0, samples, context.what);
  if (isFloat(dtype) || elementCount(shape.slice(1)) !== 1) return { kind: "tensor", tensor };
  return {
    kind: "classes",
    values: Int32Array.from(data, (value, index) => parseClass(value, `label ${index}`, context)),
  };
}

/** Labels with `offset` added to every class; other labels have no classes to shift. Throws DatasetError where one falls below 0. */
export function shiftLabels(labels: Labels | undefined, offset: number, what: string): Labels | undefined {
  if (offset === 0 || labels === undefined) return labels;
  if (labels.kind !== "classes") {
    throw new DatasetError(
      `Cannot shift labels ${what}: label_offset is ${offset}, expected 0 for labels that are no classes`,
    );
  }
  const wrong = labels.values.findIndex((value) => value + offset < 0);
  if (wrong >= 0) {
    throw new DatasetError(
      `Cannot shift labels ${what}: label ${wrong} is ${
        labels.values[wrong]
      }, expected at least ${-offset} with label_offset ${offset}`,
    );
  }
  return { kind: "classes", values: labels.values.map((value) => value + offset) };
}

/** Class names that go with shifted labels: classes that no label means are called background. */
export function shiftClasses(classes: readonly string[] | undefined, offset: number): readonly string[] | undefined {
  if (classes === undefined || offset === 0) return classes;
  return offset < 0 ? classes.slice(-offset) : [...Array<string>(offset).fill("background"), ...classes];
}

/** Refuses labels that are not as many as the samples. */
export function checkCount(found: number, samples: number, what: string): void {
  if (found === samples) return;
  const verdict = found < samples
    ? `${samples - found} samples have no label`
    : `${found - samples} labels have no sample`;
  throw new DatasetError(`Cannot read labels ${what}: it has ${found} for ${samples} samples; ${verdict}`);
}
