/** Profiles as text, JSON and trace. */
import assert from "node:assert/strict";
import type { RecordedPass } from "../../src/gpu/profiler.ts";
import { encodeProfile, formatProfile, nodeTimes, type Profile } from "../../src/report/profile.ts";

function pass(step: number, start: number, duration: number, more: Partial<RecordedPass> = {}): RecordedPass {
  const node = ["stem", "stem", "head"][step]!;
  return {
    name: node === "stem" ? "stem + relu" : "head",
    node,
    operator: node === "stem" ? "Conv" : "Gemm",
    shape: [8, 16, 4, 4],
    macs: step === 0 ? 0 : 1000,
    step,
    shader: ["pack_columns", "matmul", "matmul"][step]!,
    workgroups: [2, 1, 1],
    track: "session 1 float32",
    start,
    duration,
    ...more,
  };
}

/** Three runs of three steps; the first run is slow, as a first run is. */
const PROFILE: Profile = {
  adapter: { vendor: "v", architecture: "a", description: "adapter", isSoftware: false },
  passes: [
    ...[pass(0, 0, 900), pass(1, 900, 5000), pass(2, 5900, 100)],
    ...[pass(0, 6000, 10), pass(1, 6010, 29), pass(2, 6040, 2)],
    ...[pass(0, 7000, 11), pass(1, 7011, 30), pass(2, 7041, 1)],
    pass(2, 8000, 7, { track: "session 1 int8" }),
  ],
};

Deno.test("nodeTimes() adds the medians of a node's steps, longest first, each precision by itself", () => {
  const times = nodeTimes(PROFILE).map(({ track, node, microseconds, macs, shaders }) =>
    [track, node, microseconds, macs, shaders.join()] as const
  );
  assert.deepEqual(times, [
    ["session 1 float32", "stem", 11 + 30, 1000, "pack_columns,matmul"],
    ["session 1 float32", "head", 2, 1000, "matmul"],
    ["session 1 int8", "head", 7, 1000, "matmul"],
  ]);
  assert.deepEqual(nodeTimes(PROFILE).map(({ share }) => share), [41 / 43, 2 / 43, 1]);
});

Deno.test("encodeProfile() gives complete events in µs, with a named thread for every track", () => {
  const { version, traceEvents } = JSON.parse(encodeProfile(PROFILE)) as {
    version: number;
    traceEvents: { ph: string; name: string; tid: number; ts: number; dur: number; args: Record<string, unknown> }[];
  };
  assert.equal(version, 1);
  const threads = traceEvents.filter(({ name }) => name === "thread_name");
  assert.deepEqual(threads.map(({ tid, args }) => [tid, args["name"]]), [[0, "session 1 float32"], [
    1,
    "session 1 int8",
  ]]);
  const events = traceEvents.filter(({ ph }) => ph === "X");
  assert.equal(events.length, PROFILE.passes.length);
  const { name, ts, dur, args } = events[4]!;
  assert.deepEqual([name, ts, dur], ["stem + relu", 6010, 29]);
  assert.deepEqual(args, {
    step: 1,
    operator: "Conv",
    shape: "[8, 16, 4, 4]",
    shader: "matmul",
    workgroups: "2 x 1 x 1",
    macs: 1000,
  });
  assert.equal(events.at(-1)!.tid, 1);
});

Deno.test("formatProfile() shows the longest nodes of every track with what they achieve", () => {
  assert.equal(
    formatProfile(PROFILE, 1),
    "session 1 float32: 0.04 ms per batch, the 1 longest of 2 nodes\n" +
      "  Conv  stem  [8, 16, 4, 4]  0.041 ms  95.3 %  0.0 GFLOP/s\n\n" +
      "session 1 int8: 0.01 ms per batch\n" +
      "  Gemm  head  [8, 16, 4, 4]  0.007 ms  100.0 %  0.3 GFLOP/s",
  );
});

Deno.test("formatProfile() says nothing of a run without passes", () => {
  assert.equal(formatProfile({ ...PROFILE, passes: [] }), "");
});
