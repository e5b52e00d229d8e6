/** JSON with comments, for files that people go on to edit. */

/** An object whose members carry comments. */
export class CommentedObject {
  constructor(readonly members: readonly CommentedMember[]) {}
}

/** One member, with what stands above it. */
export interface CommentedMember {
  readonly key: string;
  /** Plain JSON, a commented object, or a list of such. Undefined leaves the comments alone, for members to be filled in. */
  readonly value: unknown;
  readonly comments?: readonly string[];
}

/** Columns that a line may take. */
const WIDTH = 110;

/** The text of a file: `head` as comments in its first lines. */
export function formatCommentedJson(head: readonly string[], root: CommentedObject): string {
  return `${head.flatMap((text) => commentLines(text, "")).join("\n")}\n${formatObject(root, "")}\n`;
}

function formatObject({ members }: CommentedObject, indent: string): string {
  const inner = `${indent}  `;
  const last = members.findLastIndex(({ value }) => value !== undefined);
  const lines = members.flatMap(({ key, value, comments = [] }, index) => [
    ...comments.flatMap((text) => commentLines(text, inner)),
    ...(value === undefined
      ? []
      : [`${inner}${JSON.stringify(key)}: ${formatValue(value, inner)}${index < last ? "," : ""}`]),
  ]);
  return `{\n${lines.join("\n")}\n${indent}}`;
}

function formatValue(value: unknown, indent: string): string {
  if (value instanceof CommentedObject) return formatObject(value, indent);
  if (Array.isArray(value) && value.some((item) => item instanceof CommentedObject)) {
    return `[${value.map((item) => formatValue(item, indent)).join(", ")}]`;
  }
  const line = inline(value);
  if (!Array.isArray(value) || indent.length + line.length <= WIDTH - 30) return line;
  return `[\n${value.map((item) => `${indent}  ${inline(item)}`).join(",\n")}\n${indent}]`;
}

function inline(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(inline).join(", ")}]`;
  if (typeof value !== "object" || value === null) return JSON.stringify(value);
  const members = Object.entries(value).map(([key, one]) => `${JSON.stringify(key)}: ${inline(one)}`);
  return members.length === 0 ? "{}" : `{ ${members.join(", ")} }`;
}

/** Broken between words; what is in the text cannot end the comment, for it has no line ends. */
function commentLines(text: string, indent: string): string[] {
  const lines: string[] = [];
  for (const word of text.replaceAll(/\s+/g, " ").split(" ")) {
    const line = lines.at(-1);
    const isFull = line === undefined || indent.length + 3 + line.length + 1 + word.length > WIDTH;
    if (isFull) lines.push(word);
    else lines[lines.length - 1] = `${line} ${word}`;
  }
  return lines.map((line) => `${indent}// ${line}`);
}
