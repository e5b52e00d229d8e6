/** Metrics of classes and of numbers, against values worked out by hand (those of scikit-learn and SciPy agree). */
import assert from "node:assert/strict";
import { hostTensor } from "../../src/base/tensor.ts";
import { floatCosine, floatSquaredError, topAgreement } from "../../src/evaluate/agreement.ts";
import { f1, matthewsCorrelation, meanClassAccuracy } from "../../src/evaluate/classification_scores.ts";
import type { Metric } from "../../src/evaluate/metric.ts";
import {
  meanAbsolute,
  meanSquared,
  peakSignalToNoiseRatio,
  pearson,
  spearman,
  targetCosine,
} from "../../src/evaluate/regression_scores.ts";
import { evaluate, labelled, vector, winner } from "./samples.ts";

const CLASSES = labelled({ kind: "classes", values: new Int32Array() });
const TARGETS = labelled({ kind: "tensor", tensor: hostTensor("float32", [0], []) });

/** The metric over pairs of true and predicted class. */
function ofClasses(metric: Metric, pairs: readonly (readonly [number, number])[]) {
  return evaluate(metric, CLASSES, pairs.map(([label, found]) => ({ outputs: [winner(found, 3)], label })));
}

function ofNumbers(metric: Metric, pairs: readonly (readonly [number, number])[]) {
  return evaluate(
    metric,
    TARGETS,
    pairs.map(([wanted, found]) => ({ outputs: [vector(found)], label: vector(wanted) })),
  ).value;
}

function near(actual: number, expected: number): void {
  assert.ok(Math.abs(actual - expected) < 1e-12, `${actual} is not near ${expected}`);
}

/** Truth and prediction: class 0 twice right, once taken for 1; class 1 once right, once taken for 2; class 2 never right. */
const PAIRS = [[0, 0], [0, 0], [0, 1], [1, 1], [1, 2], [2, 0]] as const;

Deno.test("f1() is the harmonic mean of precision and recall of a class", () => {
  // Class 1: TP 1, FP 1, FN 1.
  assert.equal(ofClasses(f1(), PAIRS).value, 0.5);
  // Class 0: TP 2, FP 1, FN 1.
  near(ofClasses(f1("binary", 0), PAIRS).value, 4 / 6);
  near(ofClasses(f1("macro"), PAIRS).value, (4 / 6 + 1 / 2 + 0) / 3);
  assert.deepEqual(ofClasses(f1(), PAIRS).perSample, [1, 1, 0, 1, 0, 0]);
  assert.equal(ofClasses(f1(), [[0, 0]]).value, 0);
});

Deno.test("f1() in macro counts classes that are only predicted", () => {
  near(ofClasses(f1("macro"), [[0, 0], [0, 2]]).value, (2 / 3 + 0) / 2);
});

Deno.test("meanClassAccuracy() weighs classes alike", () => {
  near(ofClasses(meanClassAccuracy(), PAIRS).value, (2 / 3 + 1 / 2 + 0) / 3);
});

Deno.test("matthewsCorrelation() correlates truth and prediction", () => {
  // s = 6, c = 3, Σ t·p = 3·3 + 2·2 + 1·1 = 14, Σ t² = 9 + 4 + 1 = Σ p².
  near(ofClasses(matthewsCorrelation(), PAIRS).value, (3 * 6 - 14) / (36 - 14));
  // Two classes: (TP·TN − FP·FN) / √((TP+FP)(TP+FN)(TN+FP)(TN+FN)) with TP 2, TN 1, FP 1, FN 0.
  near(ofClasses(matthewsCorrelation(), [[1, 1], [1, 1], [0, 0], [0, 1]]).value, 2 / Math.sqrt(3 * 2 * 2 * 1));
  assert.equal(ofClasses(matthewsCorrelation(), [[1, 1], [0, 1]]).value, 0);
});

Deno.test("matthewsCorrelation() refuses networks with one output and datasets without classes", () => {
  assert.throws(
    () => evaluate(matthewsCorrelation(), CLASSES, [{ outputs: [vector(0.7)], label: 1 }]),
    /Cannot score sample 0: the network gives 1 values, expected one per class/,
  );
  assert.throws(
    () => matthewsCorrelation().start(TARGETS),
    /Cannot compute mcc on dataset "test": it has no class labels; agreement needs none$/,
  );
});

Deno.test("meanSquared(), meanAbsolute(), peakSignalToNoiseRatio() and targetCosine() compare sample by sample", () => {
  const samples = [
    { outputs: [vector(1, 2)], label: vector(1, 4) },
    { outputs: [vector(3, 4)], label: vector(3, 3) },
  ];
  const value = (metric: Metric) => evaluate(metric, TARGETS, samples).value;
  assert.equal(value(meanSquared()), (2 + 0.5) / 2);
  assert.equal(value(meanAbsolute()), (1 + 0.5) / 2);
  near(value(peakSignalToNoiseRatio(10)), (10 * Math.log10(50) + 10 * Math.log10(200)) / 2);
  near(value(targetCosine()), (9 / Math.sqrt(5 * 17) + 21 / Math.sqrt(25 * 18)) / 2);
  assert.equal(meanSquared().direction, "lower_better");
});

Deno.test("pearson() and spearman() correlate over samples", () => {
  const pairs = [[1, 1], [2, 4], [3, 9], [4, 16]] as const;
  // Covariance 25/4, variances 5/4 and 129/4.
  near(ofNumbers(pearson(), pairs), 25 / Math.sqrt(5 * 129));
  near(ofNumbers(spearman(), pairs), 1);
  // Ranks 1, 2.5, 2.5, 4 against 1, 2, 3, 4: covariance 4.5/4, variances 4.5/4 and 5/4.
  near(ofNumbers(spearman(), [[1, 5], [2, 7], [2, 8], [9, 9]]), 4.5 / Math.sqrt(4.5 * 5));
  assert.ok(Number.isNaN(ofNumbers(pearson(), [[1, 2], [1, 3]])));
  assert.deepEqual(
    evaluate(pearson(), TARGETS, [{ outputs: [vector(1)], label: vector(1) }]).perSample,
    [NaN],
  );
});

Deno.test("pearson() refuses targets of several numbers, meanSquared() those of another length", () => {
  const two = { outputs: [vector(1, 2)], label: vector(1, 2) };
  assert.throws(() => evaluate(pearson(), TARGETS, [two]), /sample 0 has 2 targets, expected one number/);
  assert.throws(
    () => evaluate(meanSquared(), TARGETS, [{ ...two, label: vector(1) }]),
    /the network gives 2 values, the target has 1/,
  );
});

Deno.test("topAgreement(), floatSquaredError() and floatCosine() compare with the float network", () => {
  const samples = [
    { outputs: [vector(0, 2)], reference: [vector(0, 1)] },
    { outputs: [vector(3, 0)], reference: [vector(0, 1)] },
  ];
  const unlabelled = labelled(undefined);
  assert.deepEqual(evaluate(topAgreement(), unlabelled, samples), { perSample: [1, 0], value: 0.5 });
  assert.deepEqual(evaluate(floatSquaredError(), unlabelled, samples), { perSample: [0.5, 5], value: 2.75 });
  assert.deepEqual(evaluate(floatCosine(), unlabelled, samples), { perSample: [1, 0], value: 0.5 });
  assert.throws(
    () => evaluate(topAgreement(), unlabelled, [{ outputs: [vector(1)] }]),
    /Cannot compute agreement: the outputs of the float network are not known/,
  );
});
