// The passes of the gradient of Gate-Shift-Fuse on the CPU, in their order.

#ifndef GSF_TF_CUSTOM_OPS_KERNELS_GATE_SHIFT_FUSE_GRADIENT_H_
#define GSF_TF_CUSTOM_OPS_KERNELS_GATE_SHIFT_FUSE_GRADIENT_H_

#include <algorithm>

#include "custom_ops/kernels/gate_shift_fuse_passes.h"

namespace gsf_tf {
namespace gate_shift_fuse {

// A fusion convolution's weights and its bias.
constexpr int kFusionWeights = 19;
// Per channel: the gate kernel's 27, beta, and gamma before its division by the deviation.
constexpr int kChannelSums = kTaps + 2;

// Frames are summed in so many chunks, whatever the number of threads.
inline int64_t NumChunks(const Sizes& sizes) { return std::min<int64_t>(sizes.frames, 32); }

template <typename T>
struct Gradient {
  using R = Real<T>;

  Gradient(const gsf_gate_shift_fuse_gradient_tensors& tensors, const Sizes& sizes);

  // The gradient of the gate's sum before tanh at row h, column -1: zeros where that is outside.
  const R* GateSumRow(int64_t frame, int64_t half, int64_t h) const {
    return gate_sum_gradient + ((frame * 2 + half) * sizes.height + h) * gate_pitch;
  }

  Sizes sizes;
  const T *x, *y_gradient;
  T* x_gradient;
  const R *gamma, *beta, *gate_kernel, *fusion_kernel;
  const R *mean, *variance, *gate, *means, *fusion;
  R *gamma_gradient, *beta_gradient, *gate_kernel_gradient, *gate_bias_gradient;
  R *fusion_kernel_gradient, *fusion_bias_gradient;

  // In the workspace:
  R* scale;                             // [P]
  R* adjoint_kernel;                    // [2, 27, padded], columns of taps reversed
  FrameRows<R> shifted_weight;          // F, or ones
  FrameRows<R> residual_weight;         // 1 - F, or ones
  FrameRows<R> shifted_mean_gradient;   // of the mean of S, divided by H W; or zeros
  FrameRows<R> residual_mean_gradient;  // of the mean of R, divided by H W; or zeros
  R* score_gradient;                    // [N, P]: before the sigmoid
  R* fusion_sums;                       // [clips, 2, kFusionWeights]
  int64_t gate_pitch;                   // a row of the gate with a zero on its left, two right
  R* gate_sum_gradient;                 // [N, 2, H, gate_pitch]
  R* zero_row;                          // [gate_pitch]
  R* activation_gradient;               // [N H W, 2, padded]: of BN's output
  R* channel_sums;                      // [chunks, 2, kChannelSums, padded]
  R* bias_sums;                         // [chunks, 2]
  R *mean_term, *variance_term;         // [P]: what BN's backward pass subtracts
  int64_t workspace_bytes;
};

// Units: channels. Scale, the kernel's order, and the rows that stand for F where there is none.
template <typename T>
void PrepareGradient(const Gradient<T>& gradient, int64_t first, int64_t last);
// Units: frame, half. Gradient of F, through the sigmoid.
template <typename T>
void ScoreGradient(const Gradient<T>& gradient, int64_t first, int64_t last);
// Units: clip, half. Adjoint of the fusion convolution.
template <typename T>
void MeansGradient(const Gradient<T>& gradient, int64_t first, int64_t last);
// Units: rows of frames. Gradient of the gate, through tanh.
template <typename T>
void GateGradient(const Gradient<T>& gradient, int64_t first, int64_t last);
// Units: chunk of frames, half. Adjoint of the gate's convolution, sums over pixels.
template <typename T>
void GateAdjoint(const Gradient<T>& gradient, int64_t first, int64_t last);
// Units: channels. Sums over chunks and clips: the gradients of all weights.
template <typename T>
void WeightGradients(const Gradient<T>& gradient, int64_t first, int64_t last);
// Units: clip, row. Gradient of x.
template <typename T>
void InputGradient(const Gradient<T>& gradient, int64_t first, int64_t last);

}  // namespace gate_shift_fuse
}  // namespace gsf_tf

#endif  // GSF_TF_CUSTOM_OPS_KERNELS_GATE_SHIFT_FUSE_GRADIENT_H_
