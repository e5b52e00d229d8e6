/** HTML text in which nothing that comes from outside can become markup. */
import { legible } from "./legible.ts";

/** Finished HTML. */
export class Html {
  constructor(readonly text: string) {}

  toString(): string {
    return this.text;
  }
}

/** What may stand in a template: text and numbers are escaped; lists are put one behind the other; null stands for nothing. */
export type HtmlPart = string | number | null | undefined | Html | readonly HtmlPart[];

/** A template of HTML. Every value in it is escaped, in text and in quoted attributes alike, unless it is HTML itself. */
export function html(parts: TemplateStringsArray, ...values: readonly HtmlPart[]): Html {
  return new Html(parts.map((part, index) => index === 0 ? part : partText(values[index - 1]) + part).join(""));
}

function partText(value: HtmlPart): string {
  if (value === null || value === undefined) return "";
  if (value instanceof Html) return value.text;
  if (typeof value === "object") return value.map(partText).join("");
  return escapeHtml(String(value));
}

const ENTITIES: Readonly<Record<string, string>> = {
  "&": "&amp;",
  "<": "&lt;",
  ">": "&gt;",
  '"': "&quot;",
  "'": "&#39;",
};

/** Text as HTML shows it, in elements and quoted attributes. */
export function escapeHtml(text: string): string {
  return legible(text).replaceAll(/[&<>"']/g, (character) => ENTITIES[character]!);
}
