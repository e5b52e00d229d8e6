/** The scripts of bash and fish in the shells themselves where they are installed; all by what they contain. */
import assert from "node:assert/strict";
import { join } from "node:path";
import { PARAMETERS } from "../../mod.ts";
import { withFolder } from "../data/fixtures.ts";
import { assertRefused, runCli } from "../support/command_line.ts";

function hasShell(shell: string): Promise<boolean> {
  return new Deno.Command(shell, { args: ["-c", "type complete"] }).output().then(
    ({ success }) => success,
    () => false,
  );
}

const hasBash = await hasShell("bash");
const hasFish = await hasShell("fish");
if (!hasFish) console.error("SKIPPED: completion in fish itself (no fish here)");
const script = (await runCli(["completion", "bash"])).out;

/** What bash offers for the last of `words` (a new one where it is empty), in a folder. */
async function offered(words: readonly string[], folder = "."): Promise<string[]> {
  const program = `${script}
COMP_WORDS=(${words.map((word) => `'${word}'`).join(" ")})
COMP_CWORD=${words.length - 1}
complete -p holdfast >/dev/null || exit 1
_holdfast
printf '%s\\n' "\${COMPREPLY[@]}"`;
  const { stdout, stderr, success } = await new Deno.Command("bash", {
    args: ["--norc", "-c", program],
    cwd: folder,
  }).output();
  assert.ok(success, new TextDecoder().decode(stderr));
  assert.equal(new TextDecoder().decode(stderr), "");
  return new TextDecoder().decode(stdout).split("\n").filter((line) => line !== "").sort();
}

const bash = { ignore: !hasBash };

Deno.test("completion bash offers commands, options of the command, and values of options", bash, async () => {
  assert.deepEqual(await offered(["holdfast", "in"]), ["init", "inspect"]);
  assert.deepEqual(await offered(["holdfast", "quantize", "m.onnx", "--maximal"]), ["--maximal-drop"]);
  assert.deepEqual(await offered(["holdfast", "evaluate", "--maximal"]), []);
  assert.deepEqual(await offered(["holdfast", "quantize", "--preset", "m"]), ["mixed"]);
  assert.deepEqual(await offered(["holdfast", "quantize", "--preset", "=", "per"]), ["performance"]);
  assert.deepEqual(await offered(["holdfast", "quantize", "--preset", "="]), [
    "accuracy",
    "asymmetric",
    "mixed",
    "performance",
    "symmetric",
  ]);
  assert.deepEqual(await offered(["holdfast", "evaluate", "--metric", "f1"]), ["f1", "f1_macro"]);
  assert.deepEqual(await offered(["holdfast", "completion", "z"]), ["zsh"]);
  assert.deepEqual(await offered(["holdfast", "quantize", "--max-d"]), [], "names of other tools are not offered");
});

Deno.test(
  "completion bash offers files where files are meant, with blanks in their names too",
  bash,
  () =>
    withFolder({ "my net.onnx": "", "data/x.npy": "", "notes.md": "" }, async (folder) => {
      assert.deepEqual(await offered(["holdfast", "quantize", "my"], folder), ["my net.onnx"]);
      assert.deepEqual(await offered(["holdfast", "quantize", "--dataset", "da"], folder), ["data"]);
      assert.deepEqual(await offered(["holdfast", "quantize", "--limit", "da"], folder), []);
      assert.deepEqual(await offered(["holdfast", "quantize", "--mend", "no"], folder), ["notes.md"], "an argument");
      assert.deepEqual(await offered(["holdfast", "quantize", "--mend", "=", ""], folder), ["false", "true"]);
    }),
);

Deno.test("completion has every option of quantize in every shell", async () => {
  const flags = PARAMETERS.filter(({ only }) => only !== "file").map(({ pot }) => pot.replaceAll("_", "-"));
  for (const [shell, mark] of [["bash", "--"], ["zsh", "--"], ["fish", "-l "]] as const) {
    const { out, code } = await runCli(["completion", shell, "--name", "hf"]);
    assert.equal(code, 0);
    assert.match(
      out,
      shell === "bash" ? /^complete -F _hf hf$/m : shell === "zsh" ? /^ {2}compdef _hf hf$/m : /^complete -c hf /m,
    );
    for (const flag of flags) assert.ok(out.includes(`${mark}${flag}`), `${shell} has ${flag}`);
    // An apostrophe of a description that is not escaped would end a quote.
    for (const line of out.split("\n").filter((one) => !one.startsWith("#") && shell !== "bash")) {
      const quotes = line.replaceAll(/\\'/g, "").split("'").length - 1;
      assert.equal(quotes % 2, 0, line);
    }
  }
});

Deno.test("completion refuses other shells and names that are none", async () => {
  assertRefused(await runCli(["completion", "csh"]), 2, /'csh' is invalid.*Allowed choices are bash, zsh, fish/);
  assertRefused(await runCli(["completion", "bash", "--name", "a;b"]), 2, /Cannot use --name: "a;b"/);
});

Deno.test(
  "the bash script is one that bash reads whatever the program is called",
  bash,
  () =>
    withFolder({}, async (folder) => {
      const { out } = await runCli(["completion", "bash", "--name", "my-tool"]);
      await Deno.writeTextFile(join(folder, "script"), out);
      const { success } = await new Deno.Command("bash", { args: ["-n", join(folder, "script")] }).output();
      assert.ok(success);
    }),
);

Deno.test("fish offers options with what they mean, and words of values without", { ignore: !hasFish }, async () => {
  const { out } = await runCli(["completion", "fish"]);
  const ask = async (line: string) => {
    const { stdout } = await new Deno.Command("fish", {
      args: ["--no-config", "-c", `${out}\ncomplete -C '${line}'`],
    }).output();
    return new TextDecoder().decode(stdout).trim().split("\n");
  };
  assert.match((await ask("holdfast quantize --pres")).join("|"), /^--preset\t[^|]*performance[^|]*$/);
  assert.deepEqual(await ask("holdfast quantize --drop-type "), ["absolute", "relative"]);
  assert.deepEqual(await ask("holdfast quantize --mend="), ["--mend=false", "--mend=true"]);
  assert.match((await ask("holdfast ra")).join("|"), /^rank\t[^|]+$/);
});

Deno.test("the script of zsh completes at once where zsh takes it for the function, as from a file of fpath", async () => {
  const { out } = await runCli(["completion", "zsh"]);
  assert.ok(out.startsWith("#compdef holdfast\n"));
  assert.match(
    out,
    /^if \[\[ \$funcstack\[1\] == _holdfast \]\]; then\n {2}_holdfast "\$@"\nelse\n {2}compdef _holdfast holdfast\nfi$/m,
  );
});
