// A quantile over the positions of one channel of one sample per workgroup: x is [samples, outer, channels, inner].
// The value of a rank is found digit by digit of its bits (radix select), 8 at a time from the highest: exact, and four passes
// whatever the rank. A fifth finds the value of the next rank. 1,040 bytes of workgroup memory.
struct Params {
  channels: u32,
  outer: u32,
  inner: u32,
  // Rank from 0, and how far the quantile lies from its value to that of the next rank.
  rank: u32,
  fraction: f32,
}

@group(0) @binding(0) var<storage, read> x: array<f32>;
@group(0) @binding(1) var<storage, read_write> y: array<f32>;
@group(1) @binding(0) var<uniform> params: Params;

var<workgroup> counts: array<atomic<u32>, 256>;
// Digits found so far, in place; values of this prefix still before the rank; values equal to the one found; the least above it.
var<workgroup> prefix: u32;
var<workgroup> before: u32;
var<workgroup> equal: u32;
var<workgroup> above: atomic<u32>;

// Bits that compare as unsigned integers like the floats they come from.
fn ordered(value: f32) -> u32 {
  let bits = bitcast<u32>(value);
  return select(bits | 0x80000000u, ~bits, (bits & 0x80000000u) != 0u);
}

fn disordered(bits: u32) -> f32 {
  return bitcast<f32>(select(~bits, bits & 0x7fffffffu, (bits & 0x80000000u) != 0u));
}

fn value_at(group: vec3<u32>, position: u32) -> u32 {
  let base = group.y * params.outer * params.channels * params.inner + group.x * params.inner;
  let row = position / params.inner;
  return ordered(x[base + row * params.channels * params.inner + position % params.inner]);
}

@compute @workgroup_size(WORKGROUP_SIZE)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_index) lane: u32) {
  let positions = params.outer * params.inner;
  if (lane == 0u) {
    prefix = 0u;
    before = params.rank;
    atomicStore(&above, 0xffffffffu);
  }
  for (var digit = 0u; digit < 4u; digit++) {
    let shift = 24u - 8u * digit;
    // A shift by all 32 bits is none at all: the first digit has no prefix to compare.
    let known = select(0xffffffffu << ((shift + 8u) & 31u), 0u, digit == 0u);
    for (var bin = lane; bin < 256u; bin += WORKGROUP_SIZE) { atomicStore(&counts[bin], 0u); }
    workgroupBarrier();
    for (var position = lane; position < positions; position += WORKGROUP_SIZE) {
      let bits = value_at(group, position);
      if ((bits & known) == prefix) { atomicAdd(&counts[(bits >> shift) & 255u], 1u); }
    }
    workgroupBarrier();
    if (lane == 0u) {
      var bin = 0u;
      var rest = before;
      var count = atomicLoad(&counts[0]);
      while (rest >= count && bin < 255u) {
        rest -= count;
        bin++;
        count = atomicLoad(&counts[bin]);
      }
      prefix |= bin << shift;
      before = rest;
      equal = count;
    }
    workgroupBarrier();
  }
  for (var position = lane; position < positions; position += WORKGROUP_SIZE) {
    let bits = value_at(group, position);
    if (bits > prefix) { atomicMin(&above, bits); }
  }
  workgroupBarrier();
  if (lane == 0u) {
    let found = disordered(prefix);
    var result = found;
    if (params.fraction > 0.0 && before + 1u >= equal) {
      result += (disordered(atomicLoad(&above)) - found) * params.fraction;
    }
    y[group.y * params.channels + group.x] = result;
  }
}
