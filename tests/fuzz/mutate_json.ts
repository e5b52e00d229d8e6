/** Damage to JSON documents: to their values by structure, to their text by bytes. */
import fc from "fast-check";
import type { Draw } from "./draw.ts";
import { damageBytes } from "./mutate_bytes.ts";

/** Any JSON value, odd numbers and keys among them. */
const ANY_VALUE = fc.oneof(
  fc.jsonValue({ maxDepth: 3 }),
  fc.constantFrom<unknown>(-1, 0, 0.5, 1e308, 2 ** 31, 2 ** 53, -0, "", "constructor", "__proto__", null, [], {}, true),
  fc.constantFrom<unknown>([[[[]]]], "../../..", "/dev/null", "a".repeat(5000), { "": {} }, { toString: 1 }),
);

/** The text of a document that differs from `document` in one to three places. */
export function damageJson(document: unknown, draw: Draw): string {
  let result = structuredClone(document);
  for (let left = 1 + draw.below(3); left > 0; left--) result = damageValue(result, draw);
  const text = JSON.stringify(result, undefined, 2) ?? "";
  if (draw.chance(0.7)) return text;
  return new TextDecoder().decode(damageBytes(new TextEncoder().encode(text), draw));
}

/** Walks down at random and replaces, removes, adds or repeats what it ends at. */
function damageValue(value: unknown, draw: Draw): unknown {
  if (typeof value !== "object" || value === null || draw.chance(0.15)) return anyValue(draw);
  if (Array.isArray(value)) {
    const at = draw.below(value.length + 1);
    if (at < value.length && draw.chance(0.7)) return value.with(at, damageValue(value[at], draw));
    return value.toSpliced(at, draw.below(2), ...(draw.chance(0.5) ? [anyValue(draw)] : value.slice(0, 1)));
  }
  const entries = Object.entries(value);
  const at = draw.below(entries.length + 1);
  const [key, inner] = entries[at] ?? [anyKey(draw), undefined];
  if (at < entries.length && draw.chance(0.75)) entries[at] = [key, damageValue(inner, draw)];
  else if (at < entries.length && draw.chance(0.5)) entries.splice(at, 1);
  else entries.push([anyKey(draw), anyValue(draw)]);
  return Object.fromEntries(entries);
}

function anyValue(draw: Draw): unknown {
  return fc.sample(ANY_VALUE, { seed: draw.seed(), numRuns: 1 })[0];
}

function anyKey(draw: Draw): string {
  return fc.sample(fc.oneof(fc.string(), fc.constantFrom("__proto__", "constructor", "toString", "")), {
    seed: draw.seed(),
    numRuns: 1,
  })[0] ?? "";
}
