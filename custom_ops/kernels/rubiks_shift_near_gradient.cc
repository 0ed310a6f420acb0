#include "custom_ops/kernels/rubiks_shift_kernels.h"

namespace gsf_tf {
namespace {

// The gradient where all taps are -1, 0 and 1: that of x is the adjoint blend, that of the shift
// is sums over rows; both take a row of all frames at once.
template <int kLanes, typename T>
class NearGradient {
 public:
  using R = Real<T>;

  NearGradient(const RubiksPlan<R>& plan, const T* x, const T* y_gradient, T* x_gradient)
      : plan_(plan),
        time_(plan.axes[kTime]),
        vertical_(plan.axes[kVertical]),
        horizontal_(plan.axes[kHorizontal]),
        x_(x),
        y_gradient_(y_gradient),
        x_gradient_(x_gradient),
        x_row_(horizontal_.length * plan.channels),
        y_row_(horizontal_.output_length * plan.channels),
        stride_two_(horizontal_.stride == 2) {}

  // The rows [first_row, last_row) of y, and the rows of x from stride * first_row on. Writes the
  // chunk's channels of `sums`, [3, channels].
  void Band(int64_t clip, const ChannelChunk& chunk, int64_t first_row, int64_t last_row,
            double* sums) {
    const int64_t x_clip = clip * time_.length * vertical_.length * x_row_;
    const int64_t y_clip = clip * time_.length * vertical_.output_length * y_row_;
    const int64_t num_blocks = chunk.last_block - chunk.first_block;
    totals_.assign(num_blocks * kSums, 0.0);
    adjoints_.resize(num_blocks * 2 * kCoefficients);
    for (int64_t i = 0; i < num_blocks; ++i) Reverse(chunk.first_block + i, i);
    const int64_t tile = NearTilePixels<T>(time_.length, plan_.channels) * horizontal_.stride;
    for (int64_t begin = 0; begin < horizontal_.length; begin += tile) {
      begin_ = begin;
      end_ = std::min(begin + tile, horizontal_.length);
      for (int64_t h = first_row; h < last_row; ++h) {
        const int64_t next =
            h + 1 == vertical_.output_length ? vertical_.length : (h + 1) * vertical_.stride;
        for (int64_t i = 0; i < num_blocks; ++i) {
          const int64_t channel = chunk.first_channel + chunk.blocks.first_channel(i);
          const T* y_gradient = y_gradient_ + y_clip + channel;
          AddRow(chunk.first_block + i, h, x_ + x_clip + channel, y_gradient, &totals_[i * kSums]);
          for (int64_t row = h * vertical_.stride; row < next; ++row) {
            WriteRow(chunk.first_block + i, &adjoints_[i * 2 * kCoefficients], row, y_gradient,
                     x_gradient_ + x_clip + channel);
          }
        }
      }
    }
    for (int64_t i = 0; i < num_blocks; ++i) {
      const int64_t channel = chunk.first_channel + chunk.blocks.first_channel(i);
      for (int axis = 0; axis < 3; ++axis) {
        std::copy_n(&totals_[i * kSums + axis * kLanes], kLanes,
                    sums + axis * plan_.channels + channel);
      }
    }
  }

 private:
  static constexpr int kSums = 3 * kLanes;
  static constexpr int kCoefficients = kNearTaps * kLanes;

  // The adjoint reads with the taps turned round; horizontally that of stride two does it itself.
  void Reverse(int64_t block, int64_t in_chunk) {
    const R* time = &time_.value.near[block * kCoefficients];
    const R* across = &horizontal_.value.near[block * kCoefficients];
    R* to = &adjoints_[in_chunk * 2 * kCoefficients];
    for (int j = 0; j < kNearTaps; ++j) {
      const int from = kNearTaps - 1 - j;
      std::copy_n(time + from * kLanes, kLanes, to + j * kLanes);
      std::copy_n(across + (stride_two_ ? j : from) * kLanes, kLanes,
                  to + kCoefficients + j * kLanes);
    }
  }

  // The shift's gradient from row h of y: in float32 within a tile's row, then in float64.
  void AddRow(int64_t block, int64_t h, const T* x, const T* y_gradient, double* totals) {
    static const R kZeros[kLanes] = {};
    const int64_t at = block * kCoefficients;
    R down[kCoefficients], down_slope[kCoefficients];
    NearRow<const T> rows[kNearTaps];
    NearRows(
        x, x_row_, vertical_.length, plan_.channels,
        [&](int64_t tap, int64_t* row) {
          *row = h * vertical_.stride + tap;
          const bool inside = 0 <= *row && *row < vertical_.length;
          const int64_t of_tap = at + (tap + 1) * kLanes;
          std::copy_n(inside ? &vertical_.interpolated.near[of_tap] : kZeros, kLanes,
                      down + (tap + 1) * kLanes);
          std::copy_n(inside ? &vertical_.slope.near[of_tap] : kZeros, kLanes,
                      down_slope + (tap + 1) * kLanes);
          *row = std::clamp<int64_t>(*row, 0, vertical_.length - 1);
          return true;
        },
        rows);
    const bool in_time = plan_.rows == 3;
    R sums[kSums] = {};
    AddNearSlopes<kLanes>(
        rows, time_.length,
        {in_time ? &time_.interpolated.near[at] : nullptr, down,
         &horizontal_.interpolated.near[at]},
        {in_time ? &time_.slope.near[at] : nullptr, down_slope, &horizontal_.slope.near[at]},
        stride_two_ ? NearStride::kTwo : NearStride::kOne, begin_, end_,
        {y_gradient + h * y_row_, plan_.channels, vertical_.output_length * y_row_},
        horizontal_.output_length, sums);
    for (int i = 0; i < kSums; ++i) totals[i] += sums[i];
  }

  // A row of the gradient of x, from the rows of y that read it.
  void WriteRow(int64_t block, const R* adjoint, int64_t row, const T* y_gradient, T* x_gradient) {
    NearRow<const T> rows[kNearTaps];
    NearRows(
        y_gradient, y_row_, vertical_.output_length, plan_.channels,
        [&](int64_t tap, int64_t* from) {
          *from = (row - tap) / vertical_.stride;
          return row >= tap && (row - tap) % vertical_.stride == 0;
        },
        rows);
    BlendNear<kLanes>(rows, horizontal_.output_length, time_.length,
                      {plan_.rows == 3 ? adjoint : nullptr,
                       &vertical_.value.near[block * kCoefficients], adjoint + kCoefficients},
                      stride_two_ ? NearStride::kAdjointOfTwo : NearStride::kOne, begin_, end_,
                      {x_gradient + row * x_row_ + begin_ * plan_.channels, plan_.channels,
                       vertical_.length * x_row_});
  }

  const RubiksPlan<R>& plan_;
  const RubiksAxis<R>& time_;
  const RubiksAxis<R>& vertical_;
  const RubiksAxis<R>& horizontal_;
  const T* x_;
  const T* y_gradient_;
  T* x_gradient_;
  int64_t x_row_;  // elements of a row of the map
  int64_t y_row_;
  bool stride_two_;
  int64_t begin_, end_;         // of the tile, in pixels of x
  std::vector<double> totals_;  // [blocks, 3, lanes]
  std::vector<R> adjoints_;     // [blocks, 2, 3, lanes]: time, horizontal
};

}  // namespace

template <int kLanes, typename T>
void RubiksNearGradient(const RubiksPlan<Real<T>>& plan, const T* x, const T* y_gradient,
                        T* x_gradient, double* partial_sums, int64_t first, int64_t last) {
  ForBands(plan, NearGradient<kLanes, T>(plan, x, y_gradient, x_gradient), partial_sums, first,
           last);
}

#define INSTANTIATE(LANES, T)                                                                    \
  template void RubiksNearGradient<LANES, T>(const RubiksPlan<Real<T>>&, const T*, const T*, T*, \
                                             double*, int64_t, int64_t)

INSTANTIATE(8, float);
INSTANTIATE(16, float);
INSTANTIATE(8, Bfloat16);
INSTANTIATE(16, Bfloat16);
INSTANTIATE(8, Float16);
INSTANTIATE(16, Float16);
INSTANTIATE(4, double);
INSTANTIATE(8, double);

}  // namespace gsf_tf
