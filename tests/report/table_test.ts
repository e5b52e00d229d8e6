import assert from "node:assert/strict";
import { formatValue } from "../../src/report/summary.ts";
import {
  formatBytes,
  formatCount,
  formatPlural,
  formatRate,
  formatSeconds,
  formatTable,
} from "../../src/report/table.ts";

Deno.test("formatTable() aligns texts left and numbers right without trailing blanks", () => {
  assert.equal(
    formatTable([["a", 7, "x"], ["long", 1234], ["b", 1, ""]], " "),
    " a        7  x\n long  1234\n b        1",
  );
  assert.equal(formatTable([]), "");
});

Deno.test("formatBytes(), formatCount(), formatPlural(), formatRate() and formatSeconds() read well at their borders", () => {
  assert.deepEqual([0, 1023, 1024, 10240, 1048576 * 1.5].map(formatBytes), [
    "0 bytes",
    "1023 bytes",
    "1.00 KiB",
    "10.0 KiB",
    "1.50 MiB",
  ]);
  assert.equal(formatCount(1234567.4), "1,234,567");
  assert.deepEqual([0, 1, 2].map((count) => formatPlural(count, "group")), ["0 groups", "1 group", "2 groups"]);
  assert.deepEqual([0.04321, 0.5, 1, 9.94, 9.96, 1234].map(formatRate), ["0.043", "0.50", "1.0", "9.9", "10", "1,234"]);
  assert.deepEqual([0.04, 9.94, 59.4, 59.9, 60, 3599.7, 3661].map(formatSeconds), [
    "0.0 s",
    "9.9 s",
    "59 s",
    "1 min 0 s",
    "1 min 0 s",
    "1 h 0 min",
    "1 h 1 min",
  ]);
});

Deno.test("formatValue() keeps what matters of a metric", () => {
  assert.deepEqual([0.9, 0.12345, 0.00001, 1234.56, -0.0000001, null, Infinity].map(formatValue), [
    "0.900",
    "0.12345",
    "0.00001",
    "1234.6",
    "0.000",
    "–",
    "Infinity",
  ]);
});
