// One chunk of one line per invocation: running sums along an axis. First the chunks' totals are made (TOTALS), then each
// chunk starts from the totals of the chunks before it.
struct Params {
  lines: u32,
  chunks: u32,
  chunk: u32,
  extent: u32,
  inner: u32,
  reverse: u32,
  exclusive: u32,
}

@group(0) @binding(0) var<storage, read> x: array<T>;
@group(0) @binding(1) var<storage, read> totals: array<T>;
@group(0) @binding(2) var<storage, read_write> y: array<T>;
@group(1) @binding(0) var<uniform> params: Params;

@compute @workgroup_size(WORKGROUP_SIZE)
fn main(@builtin(global_invocation_id) id: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>) {
  let invocation = flat_index(id, groups, WORKGROUP_SIZE);
  if (invocation >= params.lines * params.chunks) { return; }
  let line = invocation % params.lines;
  let chunk = invocation / params.lines;
  let base = line / params.inner * params.extent * params.inner + line % params.inner;
  var sum = T(0);
  if (!TOTALS) {
    for (var before = 0u; before < chunk; before++) { sum += totals[before * params.lines + line]; }
  }
  let end = min(params.extent, (chunk + 1u) * params.chunk);
  for (var step = chunk * params.chunk; step < end; step++) {
    let at = base + select(step, params.extent - 1u - step, params.reverse == 1u) * params.inner;
    let previous = sum;
    sum += x[at];
    if (!TOTALS) { y[at] = select(sum, previous, params.exclusive == 1u); }
  }
  if (TOTALS) { y[invocation] = sum; }
}
