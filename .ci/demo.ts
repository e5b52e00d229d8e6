/**
 * Runs the demo and puts what it prints into the README, and a picture of its report into docs/images where there is a Chromium.
 * Ends with the demo's exit code.
 */
import { findChromium } from "../tests/support/chromium.ts";
import { replaceSection } from "./docs.ts";

const ROOT = new URL("../", import.meta.url);
const PICTURE = new URL("docs/images/report.png", ROOT);

/** Standard output and error together, in the order in which lines came. */
async function runDemo(): Promise<{ code: number; text: string }> {
  const child = new Deno.Command("sh", {
    args: ["-c", `"${Deno.execPath()}" task --quiet demo 2>&1`],
    cwd: ROOT,
    stdout: "piped",
  }).spawn();
  const decoder = new TextDecoder();
  let text = "";
  for await (const chunk of child.stdout) {
    await Deno.stdout.write(chunk);
    text += decoder.decode(chunk, { stream: true });
  }
  return { code: (await child.status).code, text };
}

async function takePicture(browser: string): Promise<void> {
  const profile = await Deno.makeTempDir();
  await new Deno.Command(browser, {
    args: [
      "--headless",
      "--no-sandbox",
      "--disable-gpu",
      "--disable-background-networking",
      "--hide-scrollbars",
      `--user-data-dir=${profile}`,
      "--window-size=1060,1500",
      `--screenshot=${PICTURE.pathname}`,
      new URL("out/report.html", ROOT).href,
    ],
    stdout: "null",
    stderr: "null",
  }).output();
  await Deno.remove(profile, { recursive: true });
}

// A run that goes on from an earlier one would show less.
await Deno.remove(new URL("out/journal.jsonl", ROOT)).catch(() => {});
const { code, text } = await runDemo();
if (code === 0) {
  const day = new Date().toISOString().slice(0, 10);
  const readme = new URL("README.md", ROOT);
  const section = `What it printed on ${day}:\n\n\`\`\`\n${text.trim()}\n\`\`\``;
  await Deno.writeTextFile(readme, replaceSection(await Deno.readTextFile(readme), "transcript", section));
  const browser = await findChromium();
  if (browser) await takePicture(browser);
}
Deno.exit(code);
