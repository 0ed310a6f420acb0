// The two passes of RubiksShift on the CPU; T is the type of x, y and their gradients.

#ifndef GSF_TF_CUSTOM_OPS_KERNELS_RUBIKS_SHIFT_KERNELS_H_
#define GSF_TF_CUSTOM_OPS_KERNELS_RUBIKS_SHIFT_KERNELS_H_

#include <algorithm>

#include "custom_ops/kernels/rubiks_shift_plan.h"

namespace gsf_tf {

// A unit is one row of the output in all frames of a clip, for one chunk of channels.
template <int kLanes, typename T>
void RubiksForward(const RubiksPlan<Real<T>>& plan, const T* x, T* y, int64_t first, int64_t last);

// A unit is a band of rows of the output in all frames of a clip, for one chunk of channels.
// `partial_sums` is [bands, 3, channels].
template <int kLanes, typename T>
void RubiksGradient(const RubiksPlan<Real<T>>& plan, const T* x, const T* y_gradient, T* x_gradient,
                    double* partial_sums, int64_t first, int64_t last);

// Zeros around the pixels [begin, end) of a row that counts from `origin` and has `count` pixels.
template <typename R>
void ClearOutside(R* row, int64_t origin, int64_t count, int64_t begin, int64_t end,
                  int64_t channels) {
  const int64_t left = std::clamp<int64_t>(begin - origin, 0, count);
  const int64_t right = std::clamp<int64_t>(end - origin, left, count);
  std::fill(row, row + left * channels, R{0});
  std::fill(row + right * channels, row + count * channels, R{0});
}

}  // namespace gsf_tf

#endif  // GSF_TF_CUSTOM_OPS_KERNELS_RUBIKS_SHIFT_KERNELS_H_
