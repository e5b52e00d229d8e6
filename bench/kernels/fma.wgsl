// One invocation runs independent chains of vec4 fused multiply-adds, 128 per iteration in all: what the adapter computes when
// memory plays no part.
@group(0) @binding(0) var<storage, read_write> result: array<vec4<f32>>;
@group(0) @binding(1) var<storage, read> factors: array<vec4<f32>>;

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3<u32>) {
  let a = factors[0];
  let b = factors[1];
  let x = vec4<f32>(f32(id.x));
CHAINS
  for (var iteration = 0u; iteration < ITERATIONS; iteration++) {
STEPS
  }
  result[id.x] = SUM;
}
