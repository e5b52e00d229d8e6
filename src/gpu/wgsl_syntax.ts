/** As much of WGSL's grammar as loops and their bounds need: functions, blocks, definitions, loops, expressions. */

/** An expression; what is not arithmetic on numbers is a call, a member or an index. */
export type Expression =
  | { readonly kind: "number"; readonly value: number }
  | { readonly kind: "name"; readonly name: string }
  | { readonly kind: "member"; readonly of: Expression; readonly name: string }
  | { readonly kind: "index"; readonly of: Expression; readonly at: Expression }
  | { readonly kind: "call"; readonly name: string; readonly operands: readonly Expression[] }
  | { readonly kind: "unary"; readonly operator: string; readonly of: Expression }
  | { readonly kind: "binary"; readonly operator: string; readonly left: Expression; readonly right: Expression };

/** A statement; every other one is what it evaluates. */
export type Statement =
  | { readonly kind: "define"; readonly name: string; readonly value: Expression; readonly isFixed: boolean }
  | {
    readonly kind: "assign";
    readonly target: Expression;
    readonly operator: string;
    readonly value: Expression | undefined;
  }
  | { readonly kind: "if"; readonly condition: Expression; readonly then: Block; readonly otherwise: Block }
  | {
    readonly kind: "for";
    readonly start: Statement | undefined;
    readonly condition: Expression | undefined;
    readonly step: Statement | undefined;
    readonly body: Block;
  }
  | { readonly kind: "return"; readonly value: Expression | undefined }
  | { readonly kind: "block"; readonly body: Block }
  | { readonly kind: "evaluate"; readonly value: Expression }
  | { readonly kind: "jump" };

/** Statements in order. */
export type Block = readonly Statement[];

/** A parameter with the attribute that says which built-in value it has, where it has one. */
export interface Parameter {
  readonly name: string;
  readonly builtin: string | undefined;
}

/** A function of a module. */
export interface WgslFunction {
  readonly name: string;
  readonly parameters: readonly Parameter[];
  readonly body: Block;
  /** Whether there is a loop in it. */
  readonly loops: boolean;
  /** What it calls: functions, types and built-ins. */
  readonly calls: ReadonlySet<string>;
}

/** Names that a list of types in angle brackets may follow. */
const GENERIC = /^(?:vec[234]|array|bitcast)$/;

const TOKEN =
  /\s+|\/\/[^\n]*|(0[xX][\da-fA-F]+|(?:\d+\.\d*|\.\d+|\d+)(?:[eE][+-]?\d+)?)[uifh]?|([A-Za-z_]\w*)|(<<=|>>=|<<|>>|->|\+\+|--|&&|\|\||[-+*/%&|^<>=!]=|[-+*/%&|^<>=!~.,;:(){}[\]@])/y;

const PRECEDENCE: Readonly<Record<string, number>> = {
  "||": 1,
  "&&": 2,
  "|": 3,
  "^": 4,
  "&": 5,
  "==": 6,
  "!=": 6,
  "<": 7,
  ">": 7,
  "<=": 7,
  ">=": 7,
  "<<": 8,
  ">>": 8,
  "+": 9,
  "-": 9,
  "*": 10,
  "/": 10,
  "%": 10,
};

/** The functions of a module's text, by name; throws SyntaxError for what kernels do not use. */
export function parseFunctions(code: string): Map<string, WgslFunction> {
  const parser = new Parser(tokensOf(code));
  const functions = new Map<string, WgslFunction>();
  while (!parser.isAtEnd) {
    const found = parser.nextFunction();
    if (found) functions.set(found.name, found);
  }
  return functions;
}

function tokensOf(code: string): string[] {
  const tokens: string[] = [];
  TOKEN.lastIndex = 0;
  while (TOKEN.lastIndex < code.length) {
    const from = TOKEN.lastIndex;
    const match = TOKEN.exec(code);
    if (!match) throw new SyntaxError(`Cannot read WGSL: found ${JSON.stringify(code.slice(from, from + 20))}`);
    const token = match[1] ?? match[2] ?? match[3];
    if (token !== undefined) tokens.push(token);
  }
  return tokens;
}

class Parser {
  readonly #tokens: readonly string[];
  #at = 0;
  /** Of the function that is read. */
  #loops = false;
  #calls = new Set<string>();

  constructor(tokens: readonly string[]) {
    this.#tokens = tokens;
  }

  get isAtEnd(): boolean {
    return this.#at >= this.#tokens.length;
  }

  /** Skips a declaration, or reads it where it is a function. */
  nextFunction(): WgslFunction | undefined {
    if (this.#next() !== "fn") return undefined;
    const name = this.#next();
    this.#expect("(");
    const parameters: Parameter[] = [];
    while (!this.#takes(")")) parameters.push(this.#parameter());
    while (this.#peek() !== "{") this.#next();
    this.#loops = false;
    const calls = this.#calls = new Set();
    const body = this.#block();
    return { name, parameters, body, loops: this.#loops, calls };
  }

  #parameter(): Parameter {
    let builtin: string | undefined;
    if (this.#takes("@")) {
      this.#next();
      this.#expect("(");
      builtin = this.#next();
      this.#expect(")");
    }
    const name = this.#next();
    this.#skipType([",", ")"]);
    this.#takes(",");
    return { name, builtin };
  }

  /** Passes over `: type` up to one of `ends` outside of angle brackets. */
  #skipType(ends: readonly string[]): void {
    if (!this.#takes(":")) return;
    for (let depth = 0; depth > 0 || !ends.includes(this.#peek());) {
      const token = this.#next();
      if (token === "<") depth++;
      else if (token === ">") depth--;
      else if (token === ">>") depth -= 2;
    }
  }

  #block(): Block {
    this.#expect("{");
    const statements: Statement[] = [];
    while (!this.#takes("}")) statements.push(...this.#statement());
    return statements;
  }

  #statement(): Statement[] {
    const token = this.#peek();
    if (this.#takes(";")) return [];
    if (token === "{") return [{ kind: "block", body: this.#block() }];
    if (token === "if") return [this.#if()];
    if (token === "for") return [this.#for()];
    if (token === "while" || token === "loop") return [this.#while()];
    if (token === "switch") return this.#switch();
    const simple = this.#simple();
    this.#expect(";");
    return simple ? [simple] : [];
  }

  #if(): Statement {
    this.#expect("if");
    const condition = this.#expression();
    const then = this.#block();
    if (!this.#takes("else")) return { kind: "if", condition, then, otherwise: [] };
    return { kind: "if", condition, then, otherwise: this.#peek() === "if" ? [this.#if()] : this.#block() };
  }

  #for(): Statement {
    this.#loops = true;
    this.#expect("for");
    this.#expect("(");
    const start = this.#peek() === ";" ? undefined : this.#simple();
    this.#expect(";");
    const condition = this.#peek() === ";" ? undefined : this.#expression();
    this.#expect(";");
    const step = this.#peek() === ")" ? undefined : this.#simple();
    this.#expect(")");
    return { kind: "for", start, condition, step, body: this.#block() };
  }

  #while(): Statement {
    this.#loops = true;
    const condition = this.#next() === "while" ? this.#expression() : undefined;
    return { kind: "for", start: undefined, condition, step: undefined, body: this.#block() };
  }

  /** The clauses one after the other, as if all were taken. */
  #switch(): Statement[] {
    this.#expect("switch");
    const statements: Statement[] = [{ kind: "evaluate", value: this.#expression() }];
    this.#expect("{");
    while (!this.#takes("}")) {
      while (this.#peek() !== "{") this.#next();
      statements.push({ kind: "block", body: this.#block() });
    }
    return statements;
  }

  /** What stands before a semicolon. */
  #simple(): Statement | undefined {
    const token = this.#peek();
    if (token === "let" || token === "var" || token === "const") {
      const isFixed = this.#next() !== "var";
      const name = this.#next();
      this.#skipType(["=", ";"]);
      const value: Expression = this.#takes("=") ? this.#expression() : { kind: "number", value: 0 };
      return { kind: "define", name, value, isFixed };
    }
    if (token === "return") {
      this.#next();
      return { kind: "return", value: this.#peek() === ";" ? undefined : this.#expression() };
    }
    if (token === "break" || token === "continue" || token === "discard") {
      this.#next();
      return { kind: "jump" };
    }
    const target = this.#expression();
    const operator = this.#peek();
    if (operator === "++" || operator === "--") {
      this.#next();
      return { kind: "assign", target, operator, value: undefined };
    }
    if (/^(?:[-+*/%&|^]|<<|>>)?=$/.test(operator)) {
      this.#next();
      return { kind: "assign", target, operator, value: this.#expression() };
    }
    return { kind: "evaluate", value: target };
  }

  #expression(least = 1): Expression {
    let left = this.#unary();
    for (;;) {
      const operator = this.#peek();
      const precedence = PRECEDENCE[operator] ?? 0;
      if (precedence < least) return left;
      this.#next();
      left = { kind: "binary", operator, left, right: this.#expression(precedence + 1) };
    }
  }

  #unary(): Expression {
    const token = this.#peek();
    if (["-", "!", "~", "&", "*"].includes(token)) {
      this.#next();
      return { kind: "unary", operator: token, of: this.#unary() };
    }
    let result = this.#primary();
    for (;;) {
      if (this.#takes(".")) result = { kind: "member", of: result, name: this.#next() };
      else if (this.#takes("[")) {
        result = { kind: "index", of: result, at: this.#expression() };
        this.#expect("]");
      } else return result;
    }
  }

  #primary(): Expression {
    const token = this.#next();
    if (token === "(") {
      const inner = this.#expression();
      this.#expect(")");
      return inner;
    }
    if (/^[\d.]/.test(token)) return { kind: "number", value: Number(token) };
    if (GENERIC.test(token) && this.#peek() === "<") this.#skipGenerics();
    if (!this.#takes("(")) return { kind: "name", name: token };
    const operands: Expression[] = [];
    while (!this.#takes(")")) {
      operands.push(this.#expression());
      this.#takes(",");
    }
    this.#calls.add(token);
    return { kind: "call", name: token, operands };
  }

  #skipGenerics(): void {
    let depth = 0;
    do {
      const token = this.#next();
      depth += token === "<" ? 1 : token === ">" ? -1 : token === ">>" ? -2 : 0;
    } while (depth > 0);
  }

  #peek(): string {
    return this.#tokens[this.#at] ?? "";
  }

  #next(): string {
    if (this.isAtEnd) throw new SyntaxError("Cannot read WGSL: the text ends within a declaration");
    return this.#tokens[this.#at++]!;
  }

  #takes(token: string): boolean {
    if (this.#peek() !== token) return false;
    this.#at++;
    return true;
  }

  #expect(token: string): void {
    const found = this.#next();
    if (found !== token) throw new SyntaxError(`Cannot read WGSL: found "${found}", expected "${token}"`);
  }
}
