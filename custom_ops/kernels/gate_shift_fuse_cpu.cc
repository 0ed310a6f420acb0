#include "custom_ops/kernels/gate_shift_fuse_forward.h"

namespace gsf_tf {
namespace gate_shift_fuse {

template <typename T>
Forward<T>::Forward(const gsf_gate_shift_fuse_tensors& tensors, const Sizes& sizes)
    : sizes(sizes),
      x(static_cast<const T*>(tensors.x)),
      y(static_cast<T*>(tensors.y)),
      gamma(static_cast<const R*>(tensors.weights.gamma)),
      beta(static_cast<const R*>(tensors.weights.beta)),
      moving_mean(static_cast<const R*>(tensors.weights.mean)),
      moving_variance(static_cast<const R*>(tensors.weights.variance)),
      gate_kernel(static_cast<const R*>(tensors.weights.gate_kernel)),
      gate_bias(static_cast<const R*>(tensors.weights.gate_bias)),
      fusion_kernel(static_cast<const R*>(tensors.weights.fusion_kernel)),
      fusion_bias(static_cast<const R*>(tensors.weights.fusion_bias)),
      mean(static_cast<R*>(tensors.saved.mean)),
      variance(static_cast<R*>(tensors.saved.variance)),
      gate(static_cast<R*>(tensors.saved.gate)),
      means(static_cast<R*>(tensors.saved.means)),
      fusion(static_cast<R*>(tensors.saved.fusion)) {
  Arena arena(tensors.workspace);
  const int64_t statistics = sizes.training ? sizes.frames * sizes.processed : 0;
  frame_mean = arena.Take<R>(statistics);
  frame_squares = arena.Take<R>(statistics);
  scale = arena.Take<R>(sizes.processed);
  kernel = arena.Take<R>(sizes.processed * kPlanes);
  taps = arena.Take<R>(sizes.frames * sizes.pixels * 2 * 4);
  if (sizes.learned_fusion) {
    shifted_weight = {fusion, sizes.processed};
    residual_weight = {arena.Take<R>(sizes.frames * sizes.processed), sizes.processed};
  } else {
    residual_weight = {arena.Take<R>(sizes.processed), 0};
    shifted_weight = residual_weight;
  }
  workspace_bytes = arena.size();
}

template <typename T>
void RunForward(const gsf_gate_shift_fuse_tensors& tensors, const Sizes& sizes, int pass,
                int64_t first, int64_t last) {
  const Forward<T> forward(tensors, sizes);
  switch (pass) {
    case 0:
      return Statistics(forward, first, last);
    case 1:
      return Normalization(forward, first, last);
    case 2:
      return GateTaps(forward, first, last);
    case 3:
      return Gate(forward, first, last);
    case 4:
      return Means(forward, first, last);
    case 5:
      return FusionWeight(forward, first, last);
    case 6:
      return Output(forward, first, last);
  }
}

}  // namespace gate_shift_fuse
}  // namespace gsf_tf

using namespace gsf_tf::gate_shift_fuse;

int64_t gsf_gate_shift_fuse_workspace_cpu(const gsf_gate_shift_fuse_shape* shape) {
  const gsf_gate_shift_fuse_tensors none = {};
  const Sizes sizes(*shape);
  return shape->dtype == GSF_FLOAT64 ? Forward<double>(none, sizes).workspace_bytes
                                     : Forward<float>(none, sizes).workspace_bytes;
}

gsf_pass gsf_gate_shift_fuse_pass_cpu(const gsf_gate_shift_fuse_shape* shape, int pass) {
  const Sizes s(*shape);
  switch (pass) {
    case 0:
      return {s.training ? 2 * s.frames : 0, s.pixels * s.half / 2};
    case 1:
      return {s.processed, 100 + (s.training ? 4 * s.frames : 0)};
    case 2:
      return {s.frames * s.height, s.width * (20 + 2 * s.processed)};
    case 3:
      return {s.frames * s.height, s.width * 12};
    case 4:
      return {s.learned_fusion ? 2 * s.frames : 0, s.pixels * s.half / 2};
    case 5:
      return {s.learned_fusion ? 2 * s.clips : 0, s.segments * s.half * 20};
    case 6:
      return {s.clips * s.height, s.segments * s.width * (10 + s.processed + s.channels / 4)};
  }
  return {0, 0};
}

void gsf_gate_shift_fuse_cpu(const gsf_gate_shift_fuse_tensors* tensors,
                             const gsf_gate_shift_fuse_shape* shape, int pass, int64_t first_unit,
                             int64_t last_unit) {
  const Sizes sizes(*shape);
  switch (shape->dtype) {
    case GSF_FLOAT32:
      return RunForward<float>(*tensors, sizes, pass, first_unit, last_unit);
    case GSF_BFLOAT16:
      return RunForward<gsf_tf::Bfloat16>(*tensors, sizes, pass, first_unit, last_unit);
    case GSF_FLOAT16:
      return RunForward<gsf_tf::Float16>(*tensors, sizes, pass, first_unit, last_unit);
    case GSF_FLOAT64:
      return RunForward<double>(*tensors, sizes, pass, first_unit, last_unit);
  }
}
