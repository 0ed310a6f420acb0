// Rows of RubiksShift whose taps are -1, 0 and 1 on every axis: a row of all frames of a clip in
// one pass, so that what lies between the three blends stays in registers and the nearest cache.

#ifndef GSF_TF_CUSTOM_OPS_KERNELS_NEAR_ROWS_H_
#define GSF_TF_CUSTOM_OPS_KERNELS_NEAR_ROWS_H_

#include <cstdint>

#include "custom_ops/kernels/half_precision.h"

namespace gsf_tf {

constexpr int kNearTaps = 3;  // -1, 0, 1
constexpr int kMaxNearFrames = 64;

// A row of pixels in all frames of a clip, from one block of channels on; pitches in elements.
template <typename T>
struct NearRow {
  T* pixels;
  int64_t pitch;  // from pixel to pixel
  int64_t frame_pitch;
};

// Coefficients of one block: [3, lanes] each.
template <typename R>
struct NearTaps {
  const R* time;  // null where nothing moves in time
  const R* down;
  const R* across;
};

enum class NearStride { kOne, kTwo, kAdjointOfTwo };

// Blends `rows`, which the taps `down` are for, vertically, in time and horizontally into the
// pixels [begin, end) of a row. A null pointer is a row of zeros, as are all pixels beyond
// `length`. With stride two pixel w reads around 2 w; the adjoint of that writes around 2 w, and
// then `begin` is even. `output` is that of `begin`.
template <int kLanes, typename T>
void BlendNear(const NearRow<const T> (&rows)[kNearTaps], int64_t length, int64_t frames,
               const NearTaps<Real<T>>& taps, NearStride stride, int64_t begin, int64_t end,
               const NearRow<T>& output);

// sums[axis] += sum of y_gradient * derivative of y by the shift on that axis, for what a row of y
// reads from the pixels [begin, end) of x. `rows` are those of x, `slopes` the derivatives of
// `taps`. `sums` is [3, lanes].
template <int kLanes, typename T>
void AddNearSlopes(const NearRow<const T> (&rows)[kNearTaps], int64_t frames,
                   const NearTaps<Real<T>>& taps, const NearTaps<Real<T>>& slopes,
                   NearStride stride, int64_t begin, int64_t end,
                   const NearRow<const T>& y_gradient, int64_t y_length, Real<T>* sums);

}  // namespace gsf_tf

#endif  // GSF_TF_CUSTOM_OPS_KERNELS_NEAR_ROWS_H_
