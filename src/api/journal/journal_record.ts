/** Lines of a journal: JSON with a checksum, numbers bit for bit. */
import { createHash } from "node:crypto";
import { deflateSync, inflateSync } from "fflate";
import type { Evaluation } from "../../base/precision.ts";

/** What the evaluations of a journal depend on; each a digest or a name. Equal identities mean interchangeable evaluations. */
export interface JournalIdentity {
  /** The network with its weights. */
  readonly model: string;
  /** Samples and labels that decisions are made on. */
  readonly dataset: string;
  readonly calibration: string;
  /** Int8 candidates, metrics, and whatever else decides a value. */
  readonly configuration: string;
  /** Samples per batch. */
  readonly batch: string;
  /** The steps of the plan and their linked shaders. */
  readonly kernels: string;
  /** Of the project. */
  readonly version: string;
  readonly adapter: string;
}

/** An evaluation as it was stored, decoded when it is asked for. */
export interface StoredEvaluation {
  readonly key: string;
  decode(): Evaluation;
}

/** What a line turned out to be. */
export type JournalLine =
  | { readonly kind: "header"; readonly format: unknown; readonly identity: Readonly<Record<string, unknown>> }
  | { readonly kind: "record"; readonly stored: StoredEvaluation }
  | { readonly kind: "damaged" };

/** Raised when older programs could not read the journal. */
export const JOURNAL_FORMAT = 1;

/** Name, and values as base64 of deflated little-endian float64. */
type PackedValues = readonly [name: string, values: string];

interface RecordContent {
  readonly key: string;
  readonly names: readonly string[];
  /** Values of `names`. */
  readonly values: string;
  readonly perSample: readonly PackedValues[];
}

/** The first line of a journal. */
export function encodeHeader(identity: JournalIdentity): string {
  return encodeLine({ holdfast: "journal", format: JOURNAL_FORMAT, identity });
}

/** The line of one evaluation. */
export function encodeRecord(key: string, { values, perSample }: Evaluation): string {
  const names = Object.keys(values);
  const content: RecordContent = {
    key,
    names,
    values: pack(Float64Array.from(names, (name) => values[name] ?? NaN)),
    perSample: Object.entries(perSample).map(([name, numbers]) => [name, pack(numbers)]),
  };
  return encodeLine(content);
}

/** Reads a line, without its line feed. What was not written whole has another checksum. */
export function decodeLine(line: string): JournalLine {
  const content = checkedContent(line);
  if (isHeader(content)) return { kind: "header", format: content.format, identity: content.identity };
  if (!isRecord(content)) return { kind: "damaged" };
  return { kind: "record", stored: { key: content.key, decode: () => decodeRecord(content) } };
}

function encodeLine(content: object): string {
  const text = JSON.stringify(content);
  return `{"sum":"${checksum(text)}","content":${text}}\n`;
}

/** The content as it was written; undefined where the checksum says otherwise. */
function checkedContent(line: string): unknown {
  const [, sum, text] = /^\{"sum":"([0-9a-f]+)","content":(.*)\}$/.exec(line) ?? [];
  return text !== undefined && checksum(text) === sum ? JSON.parse(text) : undefined;
}

function checksum(text: string): string {
  return createHash("sha256").update(text).digest("hex").slice(0, 16);
}

function isHeader(content: unknown): content is { format: unknown; identity: Record<string, unknown> } {
  const { holdfast, identity } = (content ?? {}) as Record<string, unknown>;
  return holdfast === "journal" && typeof identity === "object" && identity !== null;
}

function isRecord(content: unknown): content is RecordContent {
  return typeof (content as RecordContent | undefined)?.key === "string";
}

function decodeRecord({ names, values, perSample }: RecordContent): Evaluation {
  const numbers = unpack(values);
  return {
    values: Object.fromEntries(names.map((name, index) => [name, numbers[index] ?? NaN])),
    perSample: Object.fromEntries(perSample.map(([name, packed]) => [name, unpack(packed)])),
  };
}

function pack(values: Float64Array): string {
  return deflateSync(new Uint8Array(values.buffer, values.byteOffset, values.byteLength)).toBase64();
}

function unpack(text: string): Float64Array {
  return new Float64Array(inflateSync(Uint8Array.fromBase64(text)).slice().buffer);
}
