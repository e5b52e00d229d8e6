/** A session that changes precision: what it binds, and that it computes what a session does that never changed. */
import assert from "node:assert/strict";
import { createRandom } from "../../src/base/random.ts";
import { type Assignment, FLOAT } from "../../src/base/precision.ts";
import { hostTensor, type TensorType } from "../../src/base/tensor.ts";
import { PipelineCache } from "../../src/gpu/pipelines.ts";
import { inferTypes } from "../../src/ops/infer.ts";
import { runPasses } from "../../src/passes/run_passes.ts";
import { buildPlan } from "../../src/plan/build.ts";
import { prepare } from "../../src/quantize/prepare.ts";
import { type CandidateData, Session } from "../../src/run/session.ts";
import { residualNetwork } from "../fixtures/residual_network.ts";
import { openTestGpu } from "../support/adapter.ts";

const gpu = await openTestGpu();
const pipelines = gpu && new PipelineCache(gpu);
const needsGpu = { ignore: !gpu };

const types = new Map<string, TensorType>([["image", { dtype: "float32", shape: [2, 3, 9, 9] }]]);
const prepared = prepare(inferTypes(runPasses(residualNetwork(), types), types));
const { quantizers, groups } = prepared.layout;
const random = createRandom(3);
const image = hostTensor("float32", [2, 3, 9, 9], Float32Array.from({ length: 486 }, () => 2 * random() - 1));

/** What a candidate gives every quantizer: one step of activations, and weights and biases rounded to multiples of it. */
function candidate(step: number): Map<number, CandidateData> {
  return new Map(quantizers.map(({ id, value }): [number, CandidateData] => {
    const tensor = prepared.graph.initializers.get(value);
    if (!tensor) {
      return [id, {
        parameters: { scale: Float32Array.of(step), zeroPoint: Int32Array.of(0), low: -128, high: 127 },
      }];
    }
    const rounded = Float32Array.from(tensor.data, (number) => step * Math.round(number / step));
    return [id, { tensor: hostTensor("float32", tensor.shape, rounded) }];
  }));
}

async function openSession(): Promise<Session> {
  const typed = inferTypes(prepared.graph, types);
  const plan = buildPlan(typed, quantizers, { target: gpu!.kernelTarget });
  const session = await Session.create(gpu!, pipelines!, plan, prepared.layout);
  session.setCandidate(0, candidate(1 / 16));
  session.setCandidate(1, candidate(1 / 4));
  session.writeInput("image", image);
  return session;
}

async function outputOf(session: Session, assignment: Assignment): Promise<number[]> {
  session.run(assignment);
  const [output] = await session.read();
  return Array.from(output!.data);
}

Deno.test(
  "Session.run() computes in any precision what it would have, whatever it ran in before",
  needsGpu,
  async () => {
    const drawn = Array.from({ length: 12 }, () => groups.map(() => Math.floor(3 * random()) + FLOAT));
    const assignments = [...[FLOAT, 0, 1].map((state) => groups.map(() => state)), ...drawn];
    const expected: number[][] = [];
    for (const assignment of assignments) {
      using fresh = await openSession();
      expected.push(await outputOf(fresh, assignment));
    }
    const distinct = new Set(expected.slice(0, 3).map(String));
    assert.equal(distinct.size, 3, "float and both candidates differ");
    using session = await openSession();
    for (const index of [...assignments.keys(), ...[...assignments.keys()].reverse(), 0, 1, 0, 2]) {
      assert.deepEqual(
        await outputOf(session, assignments[index]!),
        expected[index],
        `assignment ${assignments[index]}`,
      );
    }
  },
);

Deno.test("Session.assume() says what groups compute in that an assignment does not name", needsGpu, async () => {
  using session = await openSession();
  const rest = (first: number, others: number) => groups.map((_, group) => group === 0 ? first : others);
  const float = await outputOf(session, rest(FLOAT, FLOAT));
  assert.deepEqual(await outputOf(session, []), float);
  session.assume(1);
  assert.deepEqual(await outputOf(session, []), await outputOf(session, rest(1, 1)));
  assert.deepEqual(await outputOf(session, [0]), await outputOf(session, rest(0, 1)));
  assert.deepEqual(await outputOf(session, rest(FLOAT, FLOAT)), float);
});

Deno.test(
  "Session.encode() finds everything bound when all groups change to a candidate for the first time",
  needsGpu,
  async () => {
    using session = await openSession();
    const { device } = gpu!;
    const create = device.createBindGroup.bind(device);
    let bound = 0;
    device.createBindGroup = (descriptor) => {
      bound++;
      return create(descriptor);
    };
    try {
      const encode = (assignment: Assignment) => session.encode(device.createCommandEncoder(), assignment);
      for (const state of [FLOAT, 1, 0, FLOAT]) encode(groups.map(() => state));
      assert.equal(bound, 0);
      const mixed = groups.map((_, group) => group % 2 === 0 ? 0 : 1);
      encode(mixed);
      const first = bound;
      assert.ok(first > 0, "mixtures are bound as they come");
      encode(groups.map(() => FLOAT));
      encode(mixed);
      assert.equal(bound, first, "and stay bound");
    } finally {
      device.createBindGroup = create;
    }
  },
);

Deno.test("Session.setCandidate() changes what a candidate chosen before computes", needsGpu, async () => {
  using session = await openSession();
  const assignment = groups.map(() => 0);
  const before = await outputOf(session, assignment);
  session.setCandidate(0, candidate(1 / 4));
  const after = await outputOf(session, assignment);
  assert.notDeepEqual(after, before);
  assert.deepEqual(after, await outputOf(session, groups.map(() => 1)));
});

Deno.test("Session.setCandidate() uploads once what two candidates have in common", needsGpu, async () => {
  using session = await openSession();
  const data = candidate(1 / 16);
  session.setCandidate(2, data);
  const before = session.uploads;
  const buffers: GPUBuffer[] = [];
  const { device } = gpu!;
  const create = device.createBuffer.bind(device);
  device.createBuffer = (descriptor) => {
    const buffer = create(descriptor);
    buffers.push(buffer);
    return buffer;
  };
  try {
    session.setCandidate(3, new Map(data));
  } finally {
    device.createBuffer = create;
  }
  assert.equal(buffers.length, 0);
  assert.equal(session.uploads - before, quantizers.filter(({ kind }) => kind === "activation").length);
  assert.deepEqual(await outputOf(session, groups.map(() => 3)), await outputOf(session, groups.map(() => 0)));
  assert.throws(() => session.setCandidate(3, candidate(1 / 4)), /it shares its buffers/);
});
