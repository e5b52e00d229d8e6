/** Scripts that make shells complete a command line. */

/** What completes a value: files, one of some words, or nothing that is known. */
export type Completed = "files" | "text" | readonly string[];

/** An option as shells see it. */
export interface CompletedOption {
  readonly flag: string;
  readonly description: string;
  /** Undefined for options that take no value. */
  readonly value: Completed | undefined;
  /** Whether the option may stand without its value. */
  readonly isOptional: boolean;
}

/** A command with what follows it. */
export interface CompletedCommand {
  readonly name: string;
  readonly description: string;
  readonly options: readonly CompletedOption[];
  readonly argument: Completed | undefined;
}

/** Shells that have a script. */
export const SHELLS = ["bash", "zsh", "fish"] as const;

/** One of them. */
export type Shell = typeof SHELLS[number];

/** The script for a program of this name; all words in it are the program's own, without quotes or blanks. */
export function completionScript(shell: Shell, name: string, commands: readonly CompletedCommand[]): string {
  return { bash: bashScript, zsh: zshScript, fish: fishScript }[shell](name, commands);
}

function bashScript(name: string, commands: readonly CompletedCommand[]): string {
  const names = commands.map((command) => command.name);
  const action = (value: Completed): string =>
    value === "files" ? `_${name}_files` : value === "text" ? ":" : `_${name}_words "${value.join(" ")}"`;
  const values = commands.flatMap((command) =>
    command.options.flatMap(({ flag, value, isOptional }) => {
      if (value === undefined) return [];
      // A word after an option that may stand alone is an argument.
      const patterns = [...(isOptional ? [] : [`"${command.name} ${flag}"`]), `"${command.name} ${flag}="`];
      return [`    ${patterns.join("|")}) ${action(value)}; return ;;`];
    })
  );
  const bodies = commands.map(({ name: command, options, argument }) => {
    const flags = options.map(({ flag }) => flag).join(" ");
    const others = argument === undefined ? "" : ` else ${action(argument)};`;
    return `    ${command}) if [[ $current == -* ]]; then _${name}_words "${flags}";${others} fi ;;`;
  });
  return `# Completion of ${name} in bash: source <(${name} completion bash)
_${name}_words() {
  local IFS=$' \t\n'
  COMPREPLY=($(compgen -W "$1" -- "$current"))
}
_${name}_files() {
  local IFS=$'\n'
  compopt -o filenames 2>/dev/null
  COMPREPLY=($(compgen -f -- "$current"))
}
_${name}() {
  local current=\${COMP_WORDS[COMP_CWORD]} previous=\${COMP_WORDS[COMP_CWORD-1]} command= word
  # The shell takes --option=value for three words.
  if [[ $current == "=" ]]; then
    current= previous=$previous=
  elif [[ $previous == "=" ]]; then
    previous=\${COMP_WORDS[COMP_CWORD-2]}=
  fi
  for word in "\${COMP_WORDS[@]:1:COMP_CWORD-1}"; do
    case $word in ${names.join("|")}) command=$word; break ;; esac
  done
  COMPREPLY=()
  case "$command $previous" in
${values.join("\n")}
  esac
  case $command in
    "") _${name}_words "${[...names, "--help", "--version"].join(" ")}" ;;
${bodies.join("\n")}
  esac
}
complete -F _${name} ${name}
`;
}

function zshScript(name: string, commands: readonly CompletedCommand[]): string {
  const bodies = commands.map(({ name: command, options, argument }) => {
    const specs = [
      ...options.map(({ flag, description, value, isOptional }) => {
        const hasValue = value === undefined ? "" : `${isOptional ? "::" : ":"}value:${zshAction(value)}`;
        return `'*${flag}${value === undefined ? "" : isOptional ? "=-" : "="}[${zshText(description)}]${hasValue}'`;
      }),
      ...(argument === undefined ? [] : [`'*:argument:${zshAction(argument)}'`]),
    ];
    return `    ${command}) _arguments \\\n      ${specs.join(" \\\n      ")} ;;`;
  });
  return `#compdef ${name}
# Completion of ${name} in zsh: source <(${name} completion zsh)
_${name}() {
  local -a commands=(
${commands.map((command) => `    '${command.name}:${zshText(command.description)}'`).join("\n")}
  )
  if (( CURRENT == 2 )); then
    _describe command commands
    return
  fi
  shift words
  (( CURRENT-- ))
  case $words[1] in
${bodies.join("\n")}
  esac
}
# Read as a file of fpath, this is the function; read by source, it only defines it.
if [[ $funcstack[1] == _${name} ]]; then
  _${name} "$@"
else
  compdef _${name} ${name}
fi
`;
}

function zshAction(value: Completed): string {
  if (value === "files") return "_files";
  return value === "text" ? " " : `(${value.join(" ")})`;
}

/** What is special between quotes, brackets and colons. */
function zshText(text: string): string {
  return text.replaceAll("'", "'\\''").replaceAll(/[[\]:]/g, "\\$&");
}

function fishScript(name: string, commands: readonly CompletedCommand[]): string {
  const lines = commands.flatMap(({ name: command, description, options, argument }) => {
    const when = `complete -c ${name} -n '__fish_seen_subcommand_from ${command}'`;
    return [
      `complete -c ${name} -n __fish_use_subcommand -f -a ${command} -d ${fishText(description)}`,
      ...(argument === "files" ? [] : [`${when} -f${Array.isArray(argument) ? ` -a '${argument.join(" ")}'` : ""}`]),
      ...options.flatMap(({ flag, description: text, value, isOptional }) => {
        const option = `${when} ${flag.startsWith("--") ? "-l" : "-s"} ${flag.replace(/^-+/, "")}`;
        const shown = `${option}${fishValue(isOptional ? undefined : value)} -d ${fishText(text)}`;
        // In a line of their own, the words of a value do not each repeat what the option means.
        if (!Array.isArray(value)) return [shown];
        return [`${option} ${isOptional ? "-f" : "-x"} -a '${value.join(" ")}'`, shown];
      }),
    ];
  });
  return `# Completion of ${name} in fish: ${name} completion fish | source\n${lines.join("\n")}\n`;
}

function fishValue(value: Completed | undefined): string {
  if (value === undefined) return "";
  if (value === "files") return " -r -F";
  return " -x";
}

function fishText(text: string): string {
  return `'${text.replaceAll("\\", "\\\\").replaceAll("'", "\\'")}'`;
}
