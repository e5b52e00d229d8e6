import assert from "node:assert/strict";
import { parse } from "jsonc-parser";
import { CommentedObject, formatCommentedJson } from "../../src/report/commented_json.ts";

Deno.test("formatCommentedJson() writes JSON with comments above its members, and no comma after the last", () => {
  const inner = new CommentedObject([
    { key: "a", value: [1, 2], comments: ["why"] },
    { key: "b", value: undefined, comments: ["nothing yet"] },
  ]);
  const text = formatCommentedJson(
    ["Head."],
    new CommentedObject([{ key: "list", value: [inner] }, { key: "c", value: {} }]),
  );
  assert.equal(
    text,
    '// Head.\n{\n  "list": [{\n    // why\n    "a": [1, 2]\n    // nothing yet\n  }],\n  "c": {}\n}\n',
  );
  assert.deepEqual(parse(text), { list: [{ a: [1, 2] }], c: {} });
});

Deno.test("formatCommentedJson() breaks comments between words, and no text ends a comment", () => {
  const long = `${"word ".repeat(60)}*/ "key": 1\n"other": 2`;
  const text = formatCommentedJson([long], new CommentedObject([{ key: "a", value: 1, comments: [long] }]));
  assert.ok(text.split("\n").every((line) => line.length <= 110), text);
  assert.deepEqual(parse(text), { a: 1 });
});
