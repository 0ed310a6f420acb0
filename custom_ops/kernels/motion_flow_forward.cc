#include "custom_ops/kernels/motion_flow_passes.h"

namespace gsf_tf {
namespace motion_flow {
namespace {

// The largest correlation of each position and where it is. `correlations` [rows, columns, lanes]
// begins with the row `first_row` of the window.
template <int kLanes, typename R>
GSF_INLINE void FindBest(const R* correlations, int64_t first_row, int64_t last_row, const Sizes& s,
                         Best<kLanes, R>& best) {
  using V = Vector<R, kLanes>;
  best.confidence = V{} - R{1};
  best.y = best.x = V{} - static_cast<R>(s.reach);
  for (int64_t dy = first_row; dy <= last_row; ++dy) {
    for (int64_t dx = -s.side; dx <= s.side; ++dx, correlations += kLanes) {
      V correlation;
      Load<kLanes>(correlations, correlation);
      // The comparison is written out, as GCC computes one that is kept element by element.
      best.y = correlation > best.confidence ? V{} + static_cast<R>(dy) : best.y;
      best.x = correlation > best.confidence ? V{} + static_cast<R>(dx) : best.x;
      best.confidence = correlation > best.confidence ? correlation : best.confidence;
    }
  }
  // Where all are zeros, the first of the window, which may be outside of the map.
  best.y = best.confidence <= V{} ? V{} - static_cast<R>(s.reach) : best.y;
  best.x = best.confidence <= V{} ? V{} - static_cast<R>(s.reach) : best.x;
}

// The flow of the positions of a vector; `results` is [kSaved, lanes].
template <int kLanes, typename T>
GSF_INLINE void SoftArgmax(const Flow<T>& f, const Real<T>* correlations, int64_t first_row,
                           int64_t last_row, const Best<kLanes, Real<T>>& best, Real<T>* results) {
  using R = Real<T>;
  using V = Vector<R, kLanes>;
  const Sizes& s = f.sizes;
  V flow_x = {}, flow_y = {}, total = {};
  R rows = 0;
  for (int64_t dy = first_row; dy <= last_row; ++dy) {
    V of_row = {};
    for (int64_t dx = -s.side; dx <= s.side; ++dx, correlations += kLanes) {
      V correlation, squares, gaussian, weight;
      Load<kLanes>(correlations, correlation);
      best.Weigh(correlation, dy, dx, f.exponent, f.temperature, squares, gaussian, weight);
      of_row += weight;
      flow_x += weight * static_cast<R>(dx);
    }
    total += of_row;
    flow_y += of_row * static_cast<R>(dy);
    rows += dy;
  }
  // The correlations outside of the map are zeros and have one weight. Displacements in x are
  // symmetric there; those in y add up to the opposite of those inside.
  V outside = best.confidence * -f.temperature;
  Exp<kLanes>(outside);
  const int64_t inside = (last_row - first_row + 1) * s.columns;
  total += outside * static_cast<R>(s.window * s.window - inside);
  flow_y -= outside * (rows * s.columns);
  const V scale = total * static_cast<R>(s.reach);
  // A NaN among the correlations is one of the sum; the comparisons did not see it.
  Store<kLanes>(best.confidence + (total - total), results + kConfidence * kLanes);
  Store<kLanes>(best.y, results + kBestY * kLanes);
  Store<kLanes>(best.x, results + kBestX * kLanes);
  Store<kLanes>(total, results + kTotal * kLanes);
  Store<kLanes>(flow_x / scale, results + kFlowX * kLanes);
  Store<kLanes>(flow_y / scale, results + kFlowY * kLanes);
}

template <typename T>
GSF_INLINE void Write(const Real<T>* flow, T* y) {
  for (int i = 0; i < 3; ++i) {
    Vector<Real<T>, 1> value;
    Load<1>(flow + i, value);
    Store<1>(value, y + i);
  }
}

struct MatchPass {
  template <int kBytes, typename T>
  static GSF_INLINE void Run(const Flow<T>& f, int64_t first, int64_t last) {
    using R = Real<T>;
    constexpr int kLanes = kBytes / sizeof(R);
    const Sizes& s = f.sizes;
    const auto correlations = Buffer<R>(s.rows * s.columns * kLanes);
    const auto results = Buffer<R>(kSaved * kLanes);
    for (int64_t unit = first; unit < last; ++unit) {
      const int64_t frame = unit / s.height, h = unit % s.height;
      if (s.IsLastOfClip(frame)) continue;
      const int64_t first_row = s.FirstRow(h), last_row = s.LastRow(h);
      R* const saved = f.SavedRow(s.Pair(frame), h);
      // Of the last frame too, if this is the one before it.
      const int copies = s.IsLastOfClip(frame + 1) ? 2 : 1;
      for (int64_t w = 0; w < s.width; w += kLanes) {
        for (int64_t dy = first_row; dy <= last_row; ++dy) {
          CorrelateRow<kBytes>(f.Row(frame, h) + w, f.Row(frame + 1, h + dy) + w, s,
                               correlations.get() + (dy - first_row) * s.columns * kLanes);
        }
        Best<kLanes, R> best;
        FindBest<kLanes>(correlations.get(), first_row, last_row, s, best);
        SoftArgmax<kLanes>(f, correlations.get(), first_row, last_row, best, results.get());
        const int64_t count = std::min<int64_t>(kLanes, s.width - w);
        for (int kind = 0; kind < kSaved; ++kind) {
          const R* const values = results.get() + kind * kLanes;
          std::copy(values, values + count, saved + kind * s.width + w);
        }
        for (int64_t i = 0; i < count; ++i) {
          const R values[3] = {results[kFlowX * kLanes + i], results[kFlowY * kLanes + i],
                               results[kConfidence * kLanes + i]};
          for (int copy = 0; copy < copies; ++copy) {
            Write(values, f.y + (((frame + copy) * s.height + h) * s.width + w + i) * 3);
          }
        }
      }
    }
  }
};

}  // namespace

GSF_DEFINE_PASS(Match, Flow);

}  // namespace motion_flow
}  // namespace gsf_tf
