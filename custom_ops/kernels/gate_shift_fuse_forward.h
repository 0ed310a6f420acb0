// The passes of the forward direction of Gate-Shift-Fuse on the CPU, in their order.

#ifndef GSF_TF_CUSTOM_OPS_KERNELS_GATE_SHIFT_FUSE_FORWARD_H_
#define GSF_TF_CUSTOM_OPS_KERNELS_GATE_SHIFT_FUSE_FORWARD_H_

#include "custom_ops/kernels/gate_shift_fuse_passes.h"

namespace gsf_tf {
namespace gate_shift_fuse {

// A pixel's products with the 27 taps of its half's kernel, ordered width, height, time, so that
// the shifted sums read neighboring numbers; the rest is zero.
constexpr int kPlanes = 32;

template <typename T>
struct Forward {
  using R = Real<T>;

  Forward(const gsf_gate_shift_fuse_tensors& tensors, const Sizes& sizes);

  Sizes sizes;
  const T* x;
  T* y;
  const R *gamma, *beta, *moving_mean, *moving_variance;
  const R *gate_kernel, *gate_bias, *fusion_kernel, *fusion_bias;
  R *mean, *variance, *gate, *means, *fusion;

  // In the workspace:
  R* frame_mean;     // [N, P]
  R* frame_squares;  // [N, P]: sums of squared distances from frame_mean
  R* scale;          // [P]: gamma / sqrt(variance + epsilon)
  R* kernel;         // [2, P / 2, kPlanes]
  R* taps;           // [N, H, W, 2, 4]: the gate's sum before tanh, per tap in time; one unused
  FrameRows<R> shifted_weight;   // F, or ones
  FrameRows<R> residual_weight;  // 1 - F, or ones
  int64_t workspace_bytes;
};

// Units: frame, half.
template <typename T>
void Statistics(const Forward<T>& forward, int64_t first, int64_t last);
// Units: channels. The batch's statistics, the scale of the normalization, the kernel's order.
template <typename T>
void Normalization(const Forward<T>& forward, int64_t first, int64_t last);
// Units: rows of frames. Equations (1), (2): products and their sums over space.
template <typename T>
void GateTaps(const Forward<T>& forward, int64_t first, int64_t last);
// Units: rows of frames. Equations (1), (2): the sum over time, and tanh.
template <typename T>
void Gate(const Forward<T>& forward, int64_t first, int64_t last);
// Units: frame, half. The spatial means of equations (7), (8).
template <typename T>
void Means(const Forward<T>& forward, int64_t first, int64_t last);
// Units: clip, half. Equations (7), (8): F.
template <typename T>
void FusionWeight(const Forward<T>& forward, int64_t first, int64_t last);
// Units: clip, row. Equations (3)-(6), (9), (10), and the interleave.
template <typename T>
void Output(const Forward<T>& forward, int64_t first, int64_t last);

}  // namespace gate_shift_fuse
}  // namespace gsf_tf

#endif  // GSF_TF_CUSTOM_OPS_KERNELS_GATE_SHIFT_FUSE_FORWARD_H_
