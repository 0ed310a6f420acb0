#include "custom_ops/kernels/gate_shift_fuse_gradient.h"

namespace gsf_tf {
namespace gate_shift_fuse {

template <typename T>
Gradient<T>::Gradient(const gsf_gate_shift_fuse_gradient_tensors& tensors, const Sizes& sizes)
    : sizes(sizes),
      x(static_cast<const T*>(tensors.x)),
      y_gradient(static_cast<const T*>(tensors.y_gradient)),
      x_gradient(static_cast<T*>(tensors.x_gradient)),
      gamma(static_cast<const R*>(tensors.weights.gamma)),
      beta(static_cast<const R*>(tensors.weights.beta)),
      gate_kernel(static_cast<const R*>(tensors.weights.gate_kernel)),
      fusion_kernel(static_cast<const R*>(tensors.weights.fusion_kernel)),
      mean(static_cast<const R*>(tensors.saved.mean)),
      variance(static_cast<const R*>(tensors.saved.variance)),
      gate(static_cast<const R*>(tensors.saved.gate)),
      means(static_cast<const R*>(tensors.saved.means)),
      fusion(static_cast<const R*>(tensors.saved.fusion)),
      gamma_gradient(static_cast<R*>(tensors.gradients.gamma)),
      beta_gradient(static_cast<R*>(tensors.gradients.beta)),
      gate_kernel_gradient(static_cast<R*>(tensors.gradients.gate_kernel)),
      gate_bias_gradient(static_cast<R*>(tensors.gradients.gate_bias)),
      fusion_kernel_gradient(static_cast<R*>(tensors.gradients.fusion_kernel)),
      fusion_bias_gradient(static_cast<R*>(tensors.gradients.fusion_bias)) {
  Arena arena(tensors.workspace);
  const int64_t chunks = NumChunks(sizes);
  // Without fusion one row of ones and one of zeros serve all frames.
  const int64_t pitch = sizes.learned_fusion ? sizes.processed : 0;
  const int64_t rows = sizes.learned_fusion ? sizes.frames * sizes.processed : sizes.processed;
  scale = arena.Take<R>(sizes.processed);
  adjoint_kernel = arena.Take<R>(2 * kTaps * sizes.padded);
  residual_weight = {arena.Take<R>(rows), pitch};
  // Only read.
  shifted_weight = {sizes.learned_fusion ? const_cast<R*>(fusion) : residual_weight.rows, pitch};
  shifted_mean_gradient = {arena.Take<R>(rows), pitch};
  residual_mean_gradient = {arena.Take<R>(rows), pitch};
  score_gradient = arena.Take<R>(sizes.learned_fusion ? rows : 0);
  fusion_sums = arena.Take<R>(sizes.learned_fusion ? sizes.clips * 2 * kFusionWeights : 0);
  gate_pitch = sizes.width + 3;
  gate_sum_gradient = arena.Take<R>(sizes.frames * 2 * sizes.height * gate_pitch);
  zero_row = arena.Take<R>(gate_pitch);
  activation_gradient = arena.Take<R>(sizes.frames * sizes.pixels * 2 * sizes.padded);
  channel_sums = arena.Take<R>(chunks * 2 * kChannelSums * sizes.padded);
  bias_sums = arena.Take<R>(chunks * 2);
  mean_term = arena.Take<R>(sizes.processed);
  variance_term = arena.Take<R>(sizes.processed);
  workspace_bytes = arena.size();
}

template <typename T>
void RunGradient(const gsf_gate_shift_fuse_gradient_tensors& tensors, const Sizes& sizes, int pass,
                 int64_t first, int64_t last) {
  const Gradient<T> gradient(tensors, sizes);
  switch (pass) {
    case 0:
      return PrepareGradient(gradient, first, last);
    case 1:
      return ScoreGradient(gradient, first, last);
    case 2:
      return MeansGradient(gradient, first, last);
    case 3:
      return GateGradient(gradient, first, last);
    case 4:
      return GateAdjoint(gradient, first, last);
    case 5:
      return WeightGradients(gradient, first, last);
    case 6:
      return InputGradient(gradient, first, last);
  }
}

}  // namespace gate_shift_fuse
}  // namespace gsf_tf

using namespace gsf_tf::gate_shift_fuse;

int64_t gsf_gate_shift_fuse_gradient_workspace_cpu(const gsf_gate_shift_fuse_shape* shape) {
  const gsf_gate_shift_fuse_gradient_tensors none = {};
  const Sizes sizes(*shape);
  return shape->dtype == GSF_FLOAT64 ? Gradient<double>(none, sizes).workspace_bytes
                                     : Gradient<float>(none, sizes).workspace_bytes;
}

gsf_pass gsf_gate_shift_fuse_gradient_pass_cpu(const gsf_gate_shift_fuse_shape* shape, int pass) {
  const Sizes s(*shape);
  const int64_t chunks = NumChunks(s);
  switch (pass) {
    case 0:
      return {s.processed, 100};
    case 1:
      return {s.learned_fusion ? 2 * s.frames : 0, s.pixels * s.half};
    case 2:
      return {s.learned_fusion ? 2 * s.clips : 0, s.segments * s.half * 40};
    case 3:
      return {s.frames * s.height, s.width * (30 + s.processed)};
    case 4:
      return {2 * chunks, s.frames / chunks * s.pixels * (30 + 4 * s.half)};
    case 5:
      return {s.processed, kChannelSums * (4 + 4 * chunks)};
    case 6:
      return {s.clips * s.height, s.segments * s.width * (20 + 2 * s.processed + s.channels / 4)};
  }
  return {0, 0};
}

void gsf_gate_shift_fuse_gradient_cpu(const gsf_gate_shift_fuse_gradient_tensors* tensors,
                                      const gsf_gate_shift_fuse_shape* shape, int pass,
                                      int64_t first_unit, int64_t last_unit) {
  const Sizes sizes(*shape);
  switch (shape->dtype) {
    case GSF_FLOAT32:
      return RunGradient<float>(*tensors, sizes, pass, first_unit, last_unit);
    case GSF_BFLOAT16:
      return RunGradient<gsf_tf::Bfloat16>(*tensors, sizes, pass, first_unit, last_unit);
    case GSF_FLOAT16:
      return RunGradient<gsf_tf::Float16>(*tensors, sizes, pass, first_unit, last_unit);
    case GSF_FLOAT64:
      return RunGradient<double>(*tensors, sizes, pass, first_unit, last_unit);
  }
}
