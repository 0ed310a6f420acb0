#include "custom_ops/kernels/rubiks_shift_kernels.h"

namespace gsf_tf {
namespace {

// Sums over pixels for every tap of an axis: in float32 for a row of a tile, in float64 beyond.
template <typename R>
struct TapSums {
  void Reset(const AxisTaps<R>& taps) {
    row.assign(taps.coefficients.size(), 0);
    total.assign(taps.coefficients.size(), 0);
  }

  void EndRow() {
    for (size_t i = 0; i < row.size(); ++i) total[i] += row[i];
    std::fill(row.begin(), row.end(), R{0});
  }

  std::vector<R> row;
  std::vector<double> total;
};

// The forward pass is V x (vertical), H V x (horizontal), T H V x (time). For a gradient g of y:
//   gradient of x            V' H' T' g, where ' is the adjoint
//   by the vertical shift    sum of H' T' g * (derivative of V) x
//   by the horizontal shift  sum of T' g * (derivative of H) V x
//   by the shift in time     sum of g * (derivative of T) H V x
// A derivative is a blend over taps too, so the sums are kept per tap and blended once, at the end.
template <int kLanes, typename T>
class Gradient {
 public:
  using R = Real<T>;

  Gradient(const RubiksPlan<R>& plan, const T* x, const T* y_gradient, T* x_gradient)
      : plan_(plan),
        time_(plan.axes[kTime]),
        vertical_(plan.axes[kVertical]),
        horizontal_(plan.axes[kHorizontal]),
        x_(x),
        y_gradient_(y_gradient),
        x_gradient_(x_gradient),
        channels_(plan.channels),
        x_row_(horizontal_.length * channels_),
        y_row_(horizontal_.output_length * channels_),
        x_frame_(vertical_.length * x_row_),
        y_frame_(vertical_.output_length * y_row_) {}

  // The rows [first_row, last_row) of y, and the rows of x from stride * first_row on. Writes the
  // chunk's channels of `sums`, [3, channels].
  void Band(int64_t clip, const ChannelChunk& chunk, int64_t first_row, int64_t last_row,
            double* sums) {
    chunk_ = &chunk;
    width_ = chunk.blocks.channels;
    first_row_ = first_row;
    last_row_ = last_row;
    first_x_row_ = first_row * vertical_.stride;
    last_x_row_ =
        last_row == vertical_.output_length ? vertical_.length : last_row * vertical_.stride;
    const int64_t offset = clip * time_.length * x_frame_ + chunk.first_channel;
    x_clip_ = x_ + offset;
    x_gradient_clip_ = x_gradient_ + offset;
    y_gradient_clip_ = y_gradient_ + clip * time_.output_length * y_frame_ + chunk.first_channel;
    for (int name = 0; name < 3; ++name) sums_[name].Reset(plan_.axes[name].slope);

    if (plan_.quantized) {
      Tiles(&RubiksAxis<R>::value, true, false);
      Tiles(&RubiksAxis<R>::interpolated, false, true);
    } else {
      Tiles(&RubiksAxis<R>::value, true, true);
    }
    for (int name = 0; name < 3; ++name) {
      AddSlopes(plan_.axes[name].slope, sums_[name].total,
                sums + name * channels_ + chunk.first_channel);
    }
  }

 private:
  // The sums by tap become those by channel.
  void AddSlopes(const AxisTaps<R>& slope, const std::vector<double>& by_tap, double* by_channel) {
    for (int64_t block = chunk_->first_block; block < chunk_->last_block; ++block) {
      const int64_t channel = chunk_->blocks.first_channel(block - chunk_->first_block);
      std::fill_n(by_channel + channel, kLanes, 0.0);
      for (int64_t i = slope.begin[block] * kLanes; i < slope.begin[block + 1] * kLanes; ++i) {
        by_channel[channel + i % kLanes] += by_tap[i] * slope.coefficients[i];
      }
    }
  }

  void Tiles(AxisTaps<R> RubiksAxis<R>::* taps, bool of_x, bool of_shift) {
    taps_ = taps;
    of_x_ = of_x;
    of_shift_ = of_shift;
    MakeTables();
    const int64_t tile = TilePixels();
    for (int64_t w = 0; w < horizontal_.output_length; w += tile) {
      Tile(w, std::min(w + tile, horizontal_.output_length));
    }
  }

  int64_t TilePixels() const {
    return std::min(plan_.TilePixels(*chunk_), horizontal_.output_length);
  }

  const AxisTaps<R>& taps(const RubiksAxis<R>& axis) const { return axis.*taps_; }

  // What is the same for all tiles, and the buffers.
  void MakeTables() {
    const AxisTaps<R>& across = taps(horizontal_);
    const AxisTaps<R>& down = taps(vertical_);
    lowest_ = std::min(across.lowest, horizontal_.slope.lowest);
    highest_ = std::max(across.highest, horizontal_.slope.highest);
    const int64_t tile = TilePixels(), stride = horizontal_.stride;
    // The rows of y's gradient whose blends are kept, as one row of x's gradient needs them.
    ring_ = of_x_ ? (down.highest - down.lowest) / vertical_.stride + 2 : 1;
    tile_pitch_ = tile * stride * width_;
    x_blend_.resize(((tile - 1) * stride + highest_ - lowest_ + 1) * width_);
    frames_.resize(plan_.rows == 3 ? time_.length * tile * width_ : 0);
    y_blend_.resize((tile + (across.highest - across.lowest) / stride + 2) * width_);
    rows_.resize(ring_ * time_.length * tile_pitch_);

    TapsOfAnyOutput(across, across.coefficients.data(), *chunk_, width_, &across_taps_);
    TapsOfAnyOutput(horizontal_.slope, sums_[kHorizontal].row.data(), *chunk_, width_,
                    &across_sums_);
    across_adjoint_.resize(stride);
    for (int64_t r = 0; r < stride; ++r) {
      TapsOfAnyInput(horizontal_, across, *chunk_, r, width_, &across_adjoint_[r]);
    }
    time_sums_.resize(time_.output_length);
    for (int64_t t = 0; t < time_.output_length; ++t) {
      TapsOfOutput(time_, time_.slope, sums_[kTime].row.data(), *chunk_, t, tile * width_,
                   &time_sums_[t]);
    }
    time_adjoint_.resize(time_.length);
    for (int64_t t = 0; t < time_.length; ++t) {
      TapsOfInput(time_, taps(time_), *chunk_, t, y_frame_, time_.output_length, &time_adjoint_[t]);
    }
  }

  // Pixels [begin, end) of y's rows, and those of x's from stride * begin on.
  void Tile(int64_t begin, int64_t end) {
    const AxisTaps<R>& across = taps(horizontal_);
    const AxisTaps<R>& down = taps(vertical_);
    begin_ = begin;
    end_ = end;
    x_begin_ = begin * horizontal_.stride;
    x_end_ = end == horizontal_.output_length ? horizontal_.length : end * horizontal_.stride;
    // V x reaches beyond the tile as far as the taps do, T' g as far as the adjoint's.
    x_origin_ = x_begin_ + lowest_;
    const int64_t x_count = (end - 1) * horizontal_.stride + highest_ + 1 - x_origin_;
    ClearOutside(x_blend_.data(), x_origin_, x_count, 0, horizontal_.length, width_);
    x_inside_ = std::max<int64_t>(x_origin_, 0);
    x_inside_end_ = std::min(x_origin_ + x_count, horizontal_.length);
    y_origin_ = FloorDivide(x_begin_ - across.highest, horizontal_.stride);
    const int64_t y_count =
        FloorDivide(x_end_ - 1 - across.lowest, horizontal_.stride) + 1 - y_origin_;
    ClearOutside(y_blend_.data(), y_origin_, y_count, 0, horizontal_.output_length, width_);
    y_inside_ = std::max<int64_t>(y_origin_, 0);
    y_inside_end_ = std::min(y_origin_ + y_count, horizontal_.output_length);

    int64_t first = first_row_, last = last_row_;
    if (of_x_) {
      const int64_t above = FloorDivide(first_x_row_ - down.highest, vertical_.stride);
      const int64_t below = FloorDivide(last_x_row_ - 1 - down.lowest, vertical_.stride) + 1;
      first = std::max<int64_t>(std::min(first, above), 0);
      last = std::min(std::max(last, below), vertical_.output_length);
    }
    int64_t x_row = first_x_row_;
    for (int64_t h = first; h < last; ++h) {
      Row(h, of_shift_ && first_row_ <= h && h < last_row_);
      if (!of_x_) continue;
      const bool is_last = h + 1 == last;
      for (; x_row < last_x_row_ && (is_last || x_row - down.lowest < (h + 1) * vertical_.stride);
           ++x_row) {
        WriteXGradient(x_row);
      }
    }
  }

  // Blends row h of y's gradient into the ring of rows, and adds it to the sums.
  void Row(int64_t h, bool add) {
    if (add) {
      TapsOfOutput(vertical_, taps(vertical_), taps(vertical_).coefficients.data(), *chunk_, h,
                   x_row_, &down_taps_);
      TapsOfOutput(vertical_, vertical_.slope, sums_[kVertical].row.data(), *chunk_, h, x_row_,
                   &down_sums_);
    }
    const Pixels<const R> x_blend = {x_blend_.data() - lowest_ * width_,
                                     horizontal_.stride * width_};
    const Pixels<const R> y_blend = {y_blend_.data() + (begin_ - y_origin_) * width_, width_};
    for (int64_t t = 0; t < time_.length; ++t) {
      const T* gradient = y_gradient_clip_ + h * y_row_ + y_inside_ * channels_;
      Blend<kLanes, T, R>({gradient, channels_}, time_adjoint_[t],
                          {y_blend_.data() + (y_inside_ - y_origin_) * width_, width_},
                          chunk_->blocks, y_inside_end_ - y_inside_);
      R* row = rows_.data() + (h % ring_ * time_.length + t) * tile_pitch_;
      for (int64_t r = 0; r < std::min(horizontal_.stride, x_end_ - x_begin_); ++r) {
        Blend<kLanes, R, R>(y_blend, across_adjoint_[r],
                            {row + r * width_, horizontal_.stride * width_}, chunk_->blocks,
                            CeilDivide(x_end_ - x_begin_ - r, horizontal_.stride));
      }
      if (!add) continue;
      const T* frame = x_clip_ + t * x_frame_;
      Correlate<kLanes, R, T>({row, width_}, {frame + x_begin_ * channels_, channels_}, down_sums_,
                              chunk_->blocks, x_end_ - x_begin_);
      Blend<kLanes, T, R>({frame + x_inside_ * channels_, channels_}, down_taps_,
                          {x_blend_.data() + (x_inside_ - x_origin_) * width_, width_},
                          chunk_->blocks, x_inside_end_ - x_inside_);
      Correlate<kLanes, R, R>(y_blend, x_blend, across_sums_, chunk_->blocks, end_ - begin_);
      if (plan_.rows == 3) {
        Blend<kLanes, R, R>(x_blend, across_taps_,
                            {frames_.data() + t * TilePixels() * width_, width_}, chunk_->blocks,
                            end_ - begin_);
      }
    }
    if (!add) return;
    for (int64_t t = 0; t < time_.output_length && plan_.rows == 3; ++t) {
      const T* gradient = y_gradient_clip_ + t * y_frame_ + h * y_row_ + begin_ * channels_;
      Correlate<kLanes, T, R>({gradient, channels_}, {frames_.data(), width_}, time_sums_[t],
                              chunk_->blocks, end_ - begin_);
    }
    for (TapSums<R>& sums : sums_) sums.EndRow();
  }

  void WriteXGradient(int64_t row) {
    TapsOfInput(vertical_, taps(vertical_), *chunk_, row, time_.length * tile_pitch_, ring_,
                &down_adjoint_);
    for (int64_t t = 0; t < time_.length; ++t) {
      T* output = x_gradient_clip_ + t * x_frame_ + row * x_row_ + x_begin_ * channels_;
      Blend<kLanes, R, T>({rows_.data() + t * tile_pitch_, width_}, down_adjoint_,
                          {output, channels_}, chunk_->blocks, x_end_ - x_begin_);
    }
  }

  const RubiksPlan<R>& plan_;
  const RubiksAxis<R>& time_;
  const RubiksAxis<R>& vertical_;
  const RubiksAxis<R>& horizontal_;
  const T* x_;
  const T* y_gradient_;
  T* x_gradient_;
  int64_t channels_;
  int64_t x_row_;  // elements of a row of the map
  int64_t y_row_;
  int64_t x_frame_;
  int64_t y_frame_;

  // The band.
  const ChannelChunk* chunk_;
  int64_t width_;  // channels of the chunk
  int64_t first_row_, last_row_;
  int64_t first_x_row_, last_x_row_;
  const T* x_clip_;
  T* x_gradient_clip_;
  const T* y_gradient_clip_;
  TapSums<R> sums_[3];

  // The coefficients, and what is computed with them.
  AxisTaps<R> RubiksAxis<R>::* taps_;
  bool of_x_, of_shift_;
  int64_t lowest_, highest_;  // of all horizontal taps
  int64_t ring_;
  int64_t tile_pitch_;      // of a frame in `rows_`
  std::vector<R> x_blend_;  // V x
  std::vector<R> frames_;   // H V x
  std::vector<R> y_blend_;  // T' g
  std::vector<R> rows_;     // H' T' g
  TapTable<const R> across_taps_, down_taps_, down_adjoint_;
  TapTable<R> across_sums_, down_sums_;
  std::vector<TapTable<const R>> across_adjoint_, time_adjoint_;
  std::vector<TapTable<R>> time_sums_;

  // The tile: its pixels in y and x, and what of `x_blend_` and `y_blend_` is inside the map.
  int64_t begin_, end_, x_begin_, x_end_;
  int64_t x_origin_, x_inside_, x_inside_end_;
  int64_t y_origin_, y_inside_, y_inside_end_;
};

}  // namespace

template <int kLanes, typename T>
void RubiksGradient(const RubiksPlan<Real<T>>& plan, const T* x, const T* y_gradient, T* x_gradient,
                    double* partial_sums, int64_t first, int64_t last) {
  if constexpr (kLanes > 1) {
    if (plan.near_slopes) {
      RubiksNearGradient<kLanes, T>(plan, x, y_gradient, x_gradient, partial_sums, first, last);
      return;
    }
  }
  ForBands(plan, Gradient<kLanes, T>(plan, x, y_gradient, x_gradient), partial_sums, first, last);
}

#define INSTANTIATE(LANES, T)                                                                \
  template void RubiksGradient<LANES, T>(const RubiksPlan<Real<T>>&, const T*, const T*, T*, \
                                         double*, int64_t, int64_t)

INSTANTIATE(1, float);
INSTANTIATE(8, float);
INSTANTIATE(16, float);
INSTANTIATE(1, Bfloat16);
INSTANTIATE(8, Bfloat16);
INSTANTIATE(16, Bfloat16);
INSTANTIATE(1, Float16);
INSTANTIATE(8, Float16);
INSTANTIATE(16, Float16);
INSTANTIATE(1, double);
INSTANTIATE(4, double);
INSTANTIATE(8, double);

}  // namespace gsf_tf
