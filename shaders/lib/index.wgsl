// Flat index of an invocation of a grid made by linearGrid(): x runs first, y counts whole rows of workgroups.
fn flat_index(id: vec3<u32>, groups: vec3<u32>, workgroup_size: u32) -> u32 {
  return id.x + id.y * groups.x * workgroup_size;
}
