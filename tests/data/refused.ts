/** What every refusal of a dataset has to be. */
import assert from "node:assert/strict";
import { DatasetError } from "../../src/base/errors.ts";

/** For `assert.throws` and `assert.rejects`: a DatasetError of one line that matches. */
export function refused(message: RegExp): (error: unknown) => boolean {
  return (error) => {
    assert.ok(error instanceof DatasetError, `expected a DatasetError, got ${error}`);
    assert.match(error.message, message);
    assert.ok(!error.message.includes("\n"), "one line");
    return true;
  };
}
