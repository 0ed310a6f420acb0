// The gradient of a row of a frame has two parts: the frame is compared with the next one, and the
// frame before it is compared with it. So each row is written once, whatever the threads are.

#include "custom_ops/kernels/motion_flow_passes.h"

namespace gsf_tf {
namespace motion_flow {
namespace {

// Per position of the earlier frame: what was saved, 1 / total in the place of the total, and the
// gradients of the flow (x, y) and of the confidence.
enum Known { kSlopeX = kSaved, kSlopeY, kSlopeConfidence, kKnown };

// Writes [kKnown, pitch] of a row of the frame `before`, with zeros at both ends, where then every
// gradient is zero. `known` points to column 0.
template <typename T>
GSF_INLINE void ReadKnown(const Flow<T>& f, int64_t before, int64_t h, Real<T>* known) {
  using R = Real<T>;
  const Sizes& s = f.sizes;
  const R* const saved = f.SavedRow(s.Pair(before), h);
  for (int kind = 0; kind < kKnown; ++kind) {
    R* const target = known + kind * s.pitch;
    std::fill(target - s.side, target + s.padded + s.side, R{0});
    if (kind < kSaved) std::copy(saved + kind * s.width, saved + (kind + 1) * s.width, target);
  }
  R* const total = known + kTotal * s.pitch;
  for (int64_t w = 0; w < s.width; ++w) total[w] = 1 / total[w];
  const int copies = s.IsLastOfClip(before + 1) ? 2 : 1;
  for (int copy = 0; copy < copies; ++copy) {
    const T* const row = f.y_gradient + ((before + copy) * s.height + h) * s.width * 3;
    for (int64_t w = 0; w < s.width; ++w) {
      for (int i = 0; i < 3; ++i) {
        Vector<R, 1> value;
        Load<1>(row + w * 3 + i, value);
        known[(kSlopeX + i) * s.pitch + w] += value[0];
      }
    }
  }
}

// Replaces the correlations of a row of the window by the gradients of them. A displacement leads
// from the earlier frame, whose positions `known` has, to the later one.
template <int kLanes, bool kIsBefore, typename T>
GSF_INLINE void ToSlopes(const Flow<T>& f, const Real<T>* known, int64_t dy,
                         Real<T>* correlations) {
  using R = Real<T>;
  using V = Vector<R, kLanes>;
  const Sizes& s = f.sizes;
  for (int64_t step = -s.side; step <= s.side; ++step, correlations += kLanes) {
    const int64_t dx = kIsBefore ? step : -step;
    const R* const at = known + (kIsBefore ? 0 : step);
    Best<kLanes, R> best;
    Load<kLanes>(at + kConfidence * s.pitch, best.confidence);
    Load<kLanes>(at + kBestY * s.pitch, best.y);
    Load<kLanes>(at + kBestX * s.pitch, best.x);
    V correlation, squares, gaussian, weight, inverse_total, flow_x, flow_y;
    V slope_x, slope_y, slope_best;
    Load<kLanes>(correlations, correlation);
    Load<kLanes>(at + kTotal * s.pitch, inverse_total);
    Load<kLanes>(at + kFlowX * s.pitch, flow_x);
    Load<kLanes>(at + kFlowY * s.pitch, flow_y);
    Load<kLanes>(at + kSlopeX * s.pitch, slope_x);
    Load<kLanes>(at + kSlopeY * s.pitch, slope_y);
    Load<kLanes>(at + kSlopeConfidence * s.pitch, slope_best);
    best.Weigh(correlation, dy, dx, f.exponent, f.temperature, squares, gaussian, weight);
    const V distance = slope_x * (static_cast<R>(dx) / s.reach - flow_x) +
                       slope_y * (static_cast<R>(dy) / s.reach - flow_y);
    V slope = weight * inverse_total * distance * f.temperature * gaussian;
    slope += squares == V{} ? slope_best : V{};
    Store<kLanes>(correlation > V{} ? slope : V{}, correlations);
  }
}

// Adds to kCount channels of the gradient: the slopes times the features of the other frame.
// `moving` is the first of `rows` rows, which are `row_step` apart.
template <int kLanes, int kCount, typename R>
GSF_INLINE void AddProducts(const R* slopes, const R* moving, int64_t rows, int64_t row_step,
                            const Sizes& s, R* gradient) {
  using V = Vector<R, kLanes>;
  V sums[kCount];
#pragma GCC unroll 8
  for (int k = 0; k < kCount; ++k) Load<kLanes>(gradient + k * s.padded, sums[k]);
  for (int64_t row = 0; row < rows; ++row, moving += row_step) {
    for (int64_t i = 0; i < s.columns; ++i, slopes += kLanes) {
      V slope;
      Load<kLanes>(slopes, slope);
#pragma GCC unroll 8
      for (int k = 0; k < kCount; ++k) {
        V other;
        Load<kLanes>(moving + k * s.pitch + i, other);
        sums[k] += slope * other;
      }
    }
  }
#pragma GCC unroll 8
  for (int k = 0; k < kCount; ++k) Store<kLanes>(sums[k], gradient + k * s.padded);
}

template <typename T>
struct Narrowing {
  const Real<T>* source;
  T* target;

  template <int kLanes>
  GSF_INLINE void Block(int64_t i) {
    Vector<Real<T>, kLanes> values;
    Load<kLanes>(source + i, values);
    Store<kLanes>(values, target + i);
  }
};

template <typename R>
struct Buffers {
  R* slopes;    // [rows, columns, lanes]
  R* known;     // [rows, kKnown, pitch]
  R* gradient;  // [C, padded], of the normalized features
  R* row;       // [W, C]
};

// Adds the part of a row's gradient that comes from comparing its frame with `other`.
template <int kBytes, bool kIsBefore, typename T>
GSF_INLINE void AddPart(const Flow<T>& f, int64_t frame, int64_t other, int64_t h,
                        const Buffers<Real<T>>& buffers) {
  using R = Real<T>;
  constexpr int kLanes = kBytes / sizeof(R);
  constexpr int kChannels = 8;
  const Sizes& s = f.sizes;
  const int64_t first_row = s.FirstRow(h), rows = s.LastRow(h) - first_row + 1;
  const int64_t row_step = s.channels * s.pitch;
  const auto known = [&](int64_t row) {
    return buffers.known + (kIsBefore ? 0 : row) * kKnown * s.pitch + s.side;
  };
  for (int64_t row = 0; row < (kIsBefore ? 1 : rows); ++row) {
    ReadKnown(f, kIsBefore ? frame : other, kIsBefore ? h : h + first_row + row, known(row));
  }
  for (int64_t w = 0; w < s.width; w += kLanes) {
    const R* const moving = f.Row(other, h + first_row) + w;
    for (int64_t row = 0; row < rows; ++row) {
      R* const slopes = buffers.slopes + row * s.columns * kLanes;
      CorrelateRow<kBytes>(f.Row(frame, h) + w, moving + row * row_step, s, slopes);
      const int64_t step = first_row + row;
      ToSlopes<kLanes, kIsBefore>(f, known(row) + w, kIsBefore ? step : -step, slopes);
    }
    int64_t c = 0;
    for (; c + kChannels <= s.channels; c += kChannels) {
      AddProducts<kLanes, kChannels>(buffers.slopes, moving - s.side + c * s.pitch, rows, row_step,
                                     s, buffers.gradient + c * s.padded + w);
    }
    for (; c < s.channels; ++c) {
      AddProducts<kLanes, 1>(buffers.slopes, moving - s.side + c * s.pitch, rows, row_step, s,
                             buffers.gradient + c * s.padded + w);
    }
  }
}

// With v = x / |x|, the gradient of x is (v' - v (v . v')) / |x|. Writes [W, C].
template <int kLanes, typename T>
GSF_INLINE void ThroughNormalization(const Flow<T>& f, int64_t unit, const Real<T>* gradient,
                                     Real<T>* row) {
  using R = Real<T>;
  using V = Vector<R, kLanes>;
  const Sizes& s = f.sizes;
  const R* const features = f.Row(0, unit);
  for (int64_t w = 0; w < s.width; w += kLanes) {
    const int64_t count = std::min<int64_t>(kLanes, s.width - w);
    V length, product = {};
    Load<kLanes>(f.lengths + unit * s.padded + w, length);
    for (int64_t c = 0; c < s.channels; ++c) {
      V feature, slope;
      Load<kLanes>(features + c * s.pitch + w, feature);
      Load<kLanes>(gradient + c * s.padded + w, slope);
      product += feature * slope;
    }
    for (int64_t c = 0; c < s.channels; ++c) {
      V feature, slope;
      Load<kLanes>(features + c * s.pitch + w, feature);
      Load<kLanes>(gradient + c * s.padded + w, slope);
      R values[kLanes];
      Store<kLanes>((slope - feature * product) / length, values);
      for (int64_t i = 0; i < count; ++i) row[(w + i) * s.channels + c] = values[i];
    }
  }
}

struct GradientPass {
  template <int kBytes, typename T>
  static GSF_INLINE void Run(const Flow<T>& f, int64_t first, int64_t last) {
    using R = Real<T>;
    constexpr int kLanes = kBytes / sizeof(R);
    const Sizes& s = f.sizes;
    const int64_t elements = s.width * s.channels;
    const auto slopes = Buffer<R>(s.rows * s.columns * kLanes);
    const auto known = Buffer<R>(s.rows * kKnown * s.pitch);
    const auto gradient = Buffer<R>(s.channels * s.padded);
    const auto row = Buffer<R>(elements);
    const Buffers<R> buffers = {slopes.get(), known.get(), gradient.get(), row.get()};
    for (int64_t unit = first; unit < last; ++unit) {
      const int64_t frame = unit / s.height, h = unit % s.height;
      std::fill(gradient.get(), gradient.get() + s.channels * s.padded, R{0});
      if (!s.IsLastOfClip(frame)) AddPart<kBytes, true>(f, frame, frame + 1, h, buffers);
      if (frame % s.segments > 0) AddPart<kBytes, false>(f, frame, frame - 1, h, buffers);
      ThroughNormalization<kLanes>(f, unit, gradient.get(), row.get());
      Narrowing<T> narrowing = {row.get(), f.x_gradient + unit * elements};
      ForBlocks<kLanes>(narrowing, elements);
    }
  }
};

}  // namespace

GSF_DEFINE_PASS(Gradient, Flow);

}  // namespace motion_flow
}  // namespace gsf_tf
