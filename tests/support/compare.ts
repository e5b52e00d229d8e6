/** Compares tensors and shows the worst place. */
import { formatShape, type HostTensor } from "../../src/base/tensor.ts";
import { sameShape } from "../../src/base/shape.ts";
import assert from "node:assert/strict";

/** Fails where an element differs by more than `absolute + relative · |expected|`; NaN equals NaN, infinities themselves. */
export function assertClose(
  actual: HostTensor,
  expected: HostTensor,
  tolerance: { readonly relative?: number; readonly absolute?: number } = {},
  what = "output",
): void {
  const { relative = 0, absolute = 0 } = tolerance;
  assert.ok(
    sameShape(actual.shape, expected.shape),
    `${what} has shape ${formatShape(actual.shape)}, expected ${formatShape(expected.shape)}`,
  );
  assert.equal(actual.dtype, expected.dtype, `${what} has another element type`);
  let worst = -1;
  let excess = 0;
  let count = 0;
  for (let index = 0; index < expected.data.length; index++) {
    const a = actual.data[index]!;
    const e = expected.data[index]!;
    if (Object.is(a, e) || a === e || (Number.isNaN(a) && Number.isNaN(e))) continue;
    const over = Math.abs(a - e) - (absolute + relative * Math.abs(e));
    if (over <= 0) continue;
    count++;
    if (worst < 0 || over > excess || Number.isNaN(over)) [worst, excess] = [index, over];
  }
  if (worst < 0) return;
  const from = Math.max(0, worst - 2);
  const row = (data: HostTensor["data"]) => [...data.slice(from, worst + 3)].map((v) => v.toPrecision(8)).join("  ");
  assert.fail(
    `${what}: ${count} of ${expected.data.length} elements differ, worst at index ${worst}\n` +
      `  from ${from} actual   ${row(actual.data)}\n  from ${from} expected ${row(expected.data)}`,
  );
}
