import assert from "node:assert/strict";
import { join } from "node:path";
import { DiskJournal } from "../../src/api/journal/journal.ts";
import type { JournalIdentity } from "../../src/api/journal/journal_record.ts";
import type { Evaluation } from "../../src/base/precision.ts";

const IDENTITY: JournalIdentity = {
  model: "m",
  dataset: "d",
  calibration: "c",
  configuration: "o",
  batch: "8",
  kernels: "k",
  version: "0.1.0",
  adapter: "a",
};

const EVALUATION: Evaluation = {
  values: { accuracy: 0.1 + 0.2, "1": -0, broken: NaN },
  perSample: { accuracy: Float64Array.of(1, -0, NaN, Infinity, 5e-324), "1": new Float64Array() },
};

async function withFolder(run: (path: string, folder: string) => Promise<void>): Promise<void> {
  const folder = await Deno.makeTempDir();
  try {
    await run(join(folder, "journal.jsonl"), folder);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

/** Opens, runs and closes. */
async function withJournal<T>(
  path: string,
  run: (journal: DiskJournal) => Promise<T> | T,
  identity = IDENTITY,
  restart = false,
): Promise<T> {
  using journal = await DiskJournal.open({ path, restart }, identity);
  return await run(journal);
}

Deno.test("DiskJournal gives back every bit in a later process", async () => {
  await withFolder(async (path) => {
    await withJournal(path, async (journal) => {
      assert.equal(journal.get("a"), undefined);
      await journal.put("a", EVALUATION);
      await journal.put("b", { values: {}, perSample: { kl: Float64Array.of(2) } });
    });
    await withJournal(path, (journal) => {
      assert.deepEqual(journal.notes, []);
      assert.equal(journal.size, 2);
      assert.deepEqual(journal.get("a"), EVALUATION);
      assert.deepEqual(Object.keys(journal.get("a")!.values).sort(), ["1", "accuracy", "broken"]);
    });
  });
});

Deno.test("DiskJournal cuts off a torn last record wherever it was torn, and goes on behind the one before", async () => {
  await withFolder(async (path) => {
    await withJournal(path, (journal) => journal.put("a", EVALUATION));
    const whole = await Deno.readFile(path);
    await withJournal(path, (journal) => journal.put("b", EVALUATION));
    const both = await Deno.readFile(path);
    for (const length of [whole.length + 1, whole.length + 40, both.length - 1]) {
      await Deno.writeFile(path, both.subarray(0, length));
      await withJournal(path, async (journal) => {
        assert.deepEqual(journal.notes, [`The last record of journal "${path}" was cut off and is left out`]);
        assert.deepEqual([journal.size, journal.get("b")], [1, undefined]);
        await journal.put("b", EVALUATION);
      });
      assert.deepEqual(await Deno.readFile(path), both, "as if nothing had happened");
    }
  });
});

Deno.test("DiskJournal leaves out a record whose bytes changed", async () => {
  await withFolder(async (path) => {
    await withJournal(path, async (journal) => {
      await journal.put("a", EVALUATION);
      await journal.put("b", EVALUATION);
    });
    const text = await Deno.readTextFile(path);
    await Deno.writeTextFile(path, text.replace('"key":"a"', '"key":"x"'));
    await withJournal(path, (journal) => {
      assert.deepEqual(journal.notes, [`Journal "${path}" has 1 damaged records, which are left out`]);
      assert.deepEqual([journal.get("x"), journal.get("b")], [undefined, EVALUATION]);
    });
  });
});

Deno.test("DiskJournal moves a journal of other inputs aside, says which, and deletes none", async () => {
  await withFolder(async (path, folder) => {
    await withJournal(path, (journal) => journal.put("a", EVALUATION));
    const first = await Deno.readTextFile(path);
    await withJournal(path, (journal) => {
      const aside = join(folder, "journal.1.jsonl");
      assert.deepEqual(journal.notes, [
        `Journal "${path}" was moved to "${aside}": it is of a run that differs in model, version`,
      ]);
      assert.equal(journal.get("a"), undefined);
    }, { ...IDENTITY, model: "n", version: "0.2.0" });
    assert.equal(await Deno.readTextFile(join(folder, "journal.1.jsonl")), first);
    await withJournal(path, (journal) => {
      assert.match(journal.notes.join(), /journal\.2\.jsonl": it is of a run that differs in model, version$/);
    });
    await Deno.writeTextFile(path, "notes of mine");
    await withJournal(path, (journal) => {
      assert.match(journal.notes.join(), /journal\.3\.jsonl": it is damaged at its beginning$/);
    });
    assert.equal(await Deno.readTextFile(join(folder, "journal.3.jsonl")), "notes of mine");
  });
});

Deno.test("DiskJournal begins anew on request", async () => {
  await withFolder(async (path) => {
    await withJournal(path, (journal) => journal.put("a", EVALUATION));
    await withJournal(path, (journal) => assert.equal(journal.size, 0), IDENTITY, true);
  });
});

Deno.test("DiskJournal refuses a second process at the same time", async () => {
  await withFolder(async (path) => {
    const code = `
      const file = await Deno.open(${JSON.stringify(path)}, { read: true, append: true, create: true });
      await file.lock(true);
      console.log("locked");
      await new Promise((resolve) => setTimeout(resolve, 60000));`;
    const other = new Deno.Command(Deno.execPath(), { args: ["eval", code], stdout: "piped" }).spawn();
    const reader = other.stdout.getReader();
    await reader.read();
    await assert.rejects(DiskJournal.open({ path }, IDENTITY), {
      name: "UsageError",
      message: `Cannot open journal "${path}": another process writes it, expected one at a time per folder`,
    });
    other.kill("SIGKILL");
    await other.status;
    await reader.cancel();
    await withJournal(path, (journal) => assert.equal(journal.size, 0));
  });
});
