/** What the names of a kernel's functions stand for in one dispatch. */
import type { Dispatch } from "../base/dispatch.ts";
import { ANYTHING, exactly, hull, type Names, type Range, rangeOf, span } from "./interval.ts";
import { LIBRARY_CODE } from "./link.ts";
import { type Block, type Expression, parseFunctions, type Statement, type WgslFunction } from "./wgsl_syntax.ts";

/** Functions of a text with those of the library, and which of them loop, themselves or in what they call. */
export interface Functions {
  readonly byName: ReadonlyMap<string, WgslFunction>;
  readonly looping: ReadonlySet<string>;
  /** Bounds that were derived: the layers of a network repeat. */
  readonly bounds: Map<string, number>;
}

const LIBRARY_FUNCTIONS = parseFunctions(LIBRARY_CODE);

const parsed = new Map<string, Functions>();

/** The functions of a kernel's text, read once. */
export function functionsOf(code: string): Functions {
  let functions = parsed.get(code);
  if (!functions) {
    const byName = new Map([...LIBRARY_FUNCTIONS, ...parseFunctions(code)]);
    parsed.set(code, functions = { byName, looping: loopingOf(byName), bounds: new Map() });
  }
  return functions;
}

function loopingOf(byName: ReadonlyMap<string, WgslFunction>): Set<string> {
  const functions = [...byName.values()];
  const looping = new Set(functions.filter(({ loops }) => loops).map(({ name }) => name));
  for (let before = -1; before < looping.size;) {
    before = looping.size;
    for (const { name, calls } of functions) if (!calls.isDisjointFrom(looping)) looping.add(name);
  }
  return looping;
}

/** Where a built-in input of an entry point lies, for workgroups of so many invocations. */
export function builtinInput(builtin: string | undefined, workgroups: readonly number[], size: number): Range {
  const below = (counts: readonly number[]): Range => counts.map((count) => ({ low: 0, high: Math.max(0, count - 1) }));
  const [x, y, z] = workgroups as readonly [number, number, number];
  switch (builtin) {
    case "workgroup_id":
      return below(workgroups);
    case "num_workgroups":
      return exactly(...workgroups);
    case "global_invocation_id":
      return below([x * size, y, z]);
    case "local_invocation_index":
      return below([size]);
    default:
      return ANYTHING;
  }
}

/** What all scopes of a dispatch share. */
export class Module {
  readonly functions: ReadonlyMap<string, WgslFunction>;
  readonly looping: ReadonlySet<string>;
  readonly unrolled: number;
  readonly #dispatch: Dispatch;

  constructor(dispatch: Dispatch, functions: Functions, unrolled: number) {
    this.#dispatch = dispatch;
    this.functions = functions.byName;
    this.looping = functions.looping;
    this.unrolled = unrolled;
  }

  constant(name: string): Range | undefined {
    const value = this.#dispatch.constants[name];
    if (value !== undefined) return exactly(Number(value));
    return name === "true" || name === "false" ? exactly(Number(name === "true")) : undefined;
  }

  field(name: string): Range | undefined {
    const value = this.#dispatch.uniforms[name];
    if (value === undefined) return undefined;
    return exactly(...typeof value === "number" ? [value] : value);
  }
}

/** Names of a function as far as its statements were followed. */
export class Scope implements Names {
  readonly module: Module;
  readonly #outer: Scope | undefined;
  readonly #ranges = new Map<string, Range | (() => Range)>();
  readonly #definitions = new Map<string, Expression>();

  constructor(module: Module, outer?: Scope) {
    this.module = module;
    this.#outer = outer;
  }

  /** A range that takes work to find is found when it is asked for: most are not. */
  set(name: string, range: Range | (() => Range), definition?: Expression): void {
    this.#ranges.set(name, range);
    if (definition) this.#definitions.set(name, definition);
    else this.#definitions.delete(name);
  }

  rangeOf(name: string): Range | undefined {
    const known = this.#ranges.get(name);
    if (typeof known !== "function") return known ?? this.#outer?.rangeOf(name) ?? this.module.constant(name);
    // A variable that is set to what it was is not followed.
    this.#ranges.set(name, ANYTHING);
    const range = known();
    this.#ranges.set(name, range);
    return range;
  }

  /** Takes in a definition of a block. A variable that is only ever set lies where it is set; one that counts may lie anywhere. */
  define({ name, value, isFixed }: Definition, block: Block): void {
    const first = () => rangeOf(value, this);
    const assignments = isFixed ? [] : block.flatMap(assignmentsIn).filter(({ target }) => rootOf(target) === name);
    if (assignments.length === 0) return this.set(name, first, value);
    const isSet = assignments.every(({ target, operator }) => target.kind === "name" && operator === "=");
    const later = () => assignments.map((one) => one.value ? rangeOf(one.value, this) : ANYTHING);
    this.set(name, isSet ? () => hull([first(), ...later()]) : ANYTHING);
  }

  /** What a name was defined as for good. */
  definitionOf(name: string): Expression | undefined {
    return this.#ranges.has(name) ? this.#definitions.get(name) : this.#outer?.definitionOf(name);
  }

  rangeOfField(name: string): Range | undefined {
    return this.module.field(name);
  }

  rangeOfCall(name: string, operands: readonly Range[]): Range | undefined {
    const called = this.module.functions.get(name);
    if (!called) return undefined;
    return hull(returnsOf(called.body, scopeOfCall(this.module, called, operands)));
  }
}

/** The scope of a called function whose operands lie in ranges. */
export function scopeOfCall(module: Module, called: WgslFunction, operands: readonly Range[]): Scope {
  const scope = new Scope(module);
  called.parameters.forEach(({ name }, place) => scope.set(name, operands[place] ?? ANYTHING));
  return scope;
}

type Definition = Statement & { readonly kind: "define" };

/** A statement that assigns. */
export type Assignment = Statement & { readonly kind: "assign" };

/** The assignments of a statement and of those within it. */
export function assignmentsIn(statement: Statement): Assignment[] {
  switch (statement.kind) {
    case "assign":
      return [statement];
    case "if":
      return [...statement.then, ...statement.otherwise].flatMap(assignmentsIn);
    case "for":
      return [...statement.body, ...statement.step ? [statement.step] : []].flatMap(assignmentsIn);
    case "block":
      return statement.body.flatMap(assignmentsIn);
    default:
      return [];
  }
}

/** Ranges of what a block returns. */
function returnsOf(block: Block, scope: Scope): Range[] {
  const found: Range[] = [];
  const inside = (branch: Block) => found.push(...returnsOf(branch, new Scope(scope.module, scope)));
  for (const statement of block) {
    switch (statement.kind) {
      case "define":
        scope.define(statement, block);
        break;
      case "return":
        if (statement.value) found.push(rangeOf(statement.value, scope));
        return found;
      case "block":
      case "for":
        inside(statement.body);
        break;
      case "if": {
        const condition = span(rangeOf(statement.condition, scope));
        if (condition.high > 0) inside(statement.then);
        if (condition.low > 0 && statement.then.at(-1)?.kind === "return") return found;
        if (condition.low <= 0) inside(statement.otherwise);
      }
    }
  }
  return found;
}

/** The variable that an assignment changes. */
export function rootOf(target: Expression): string {
  if (target.kind === "name") return target.name;
  return target.kind === "member" || target.kind === "index" ? rootOf(target.of) : "";
}
