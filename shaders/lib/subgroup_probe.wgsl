// What the invocations of one workgroup, as wide as a subgroup is said to be, know of each other: found[lane] holds the
// width of the lane's subgroup, then what each lane broadcast, which is its number. `hear` is generated: a broadcast takes
// its lane as a constant.
@group(0) @binding(0) var<storage, read_write> found: array<u32>;

@compute @workgroup_size(LANES)
fn main(@builtin(local_invocation_index) lane: u32, @builtin(subgroup_size) width: u32) {
  found[lane * (LANES + 1u)] = width;
  hear(lane, lane * (LANES + 1u) + 1u);
}
