// The two passes of RubiksShift on the CPU; T is the type of x, y and their gradients.

#ifndef GSF_TF_CUSTOM_OPS_KERNELS_RUBIKS_SHIFT_KERNELS_H_
#define GSF_TF_CUSTOM_OPS_KERNELS_RUBIKS_SHIFT_KERNELS_H_

#include <algorithm>
#include <vector>

#include "custom_ops/kernels/near_rows.h"
#include "custom_ops/kernels/rubiks_shift_plan.h"

namespace gsf_tf {

// A unit is one row of the output in all frames of a clip, for one chunk of channels.
template <int kLanes, typename T>
void RubiksForward(const RubiksPlan<Real<T>>& plan, const T* x, T* y, int64_t first, int64_t last);

// Rows of the output in all frames of a clip, in some chunks of channels: `band` is
// [frames, last_row - first_row, width, channels].
template <int kLanes, typename T>
void RubiksForwardBand(const RubiksPlan<Real<T>>& plan, const T* x, int64_t clip, int64_t first_row,
                       int64_t last_row, int64_t first_chunk, int64_t last_chunk, T* band);

// A unit is a band of rows of the output in all frames of a clip, for one chunk of channels.
// `partial_sums` is [bands, 3, channels].
template <int kLanes, typename T>
void RubiksGradient(const RubiksPlan<Real<T>>& plan, const T* x, const T* y_gradient, T* x_gradient,
                    double* partial_sums, int64_t first, int64_t last);

// The same for plans whose `near_slopes` says that it can be had.
template <int kLanes, typename T>
void RubiksNearGradient(const RubiksPlan<Real<T>>& plan, const T* x, const T* y_gradient,
                        T* x_gradient, double* partial_sums, int64_t first, int64_t last);

// Runs pass.Band for units of the gradient's work.
template <typename R, typename Pass>
void ForBands(const RubiksPlan<R>& plan, Pass pass, double* partial_sums, int64_t first,
              int64_t last) {
  const int64_t height = plan.axes[kVertical].output_length;
  const int64_t num_chunks = plan.chunks.size();
  const int64_t bands_per_clip = CeilDivide(height, plan.band_rows);
  for (int64_t unit = first; unit < last; ++unit) {
    const int64_t band = unit / num_chunks;
    const int64_t row = band % bands_per_clip * plan.band_rows;
    pass.Band(band / bands_per_clip, plan.chunks[unit % num_chunks], row,
              std::min(row + plan.band_rows, height), partial_sums + band * 3 * plan.channels);
  }
}

// Pixels whose rows of three neighbors in all frames stay in the second cache.
template <typename T>
int64_t NearTilePixels(int64_t frames, int64_t channels) {
  constexpr int64_t kBytes = int64_t{128} << 10;
  const int64_t pixels = kBytes / (kNearTaps * frames * channels * static_cast<int64_t>(sizeof(T)));
  return std::max<int64_t>(pixels / 2 * 2, 16);
}

// The rows of all frames that a row reads with the taps -1, 0 and 1; null where there is none.
// `row_of(tap, &row)` says which and whether it is inside.
template <typename T, typename RowOf>
void NearRows(const T* clip_and_channel, int64_t row_elements, int64_t height, int64_t channels,
              RowOf row_of, NearRow<const T> (&rows)[kNearTaps]) {
  for (int i = 0; i < kNearTaps; ++i) {
    int64_t row;
    const bool inside = row_of(i - 1, &row) && 0 <= row && row < height;
    rows[i] = {inside ? clip_and_channel + row * row_elements : nullptr, channels,
               height * row_elements};
  }
}

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
