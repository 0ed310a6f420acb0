// The passes of the flow on the CPU. Lanes of vectors are neighboring positions of a row: then
// every sum and every maximum over displacements or channels is one of vectors. So a pass reads
// normalized features in the order [frame, row, channel, column], with zeros at both ends of a row.

#ifndef GSF_TF_CUSTOM_OPS_KERNELS_MOTION_FLOW_PASSES_H_
#define GSF_TF_CUSTOM_OPS_KERNELS_MOTION_FLOW_PASSES_H_

#include <algorithm>
#include <cmath>
#include <cstdint>

#include "custom_ops/kernels/cpu_passes.h"
#include "custom_ops/kernels/motion_flow.h"

namespace gsf_tf {
namespace motion_flow {

// Inside the root of the length, as in the authors' code.
constexpr double kEpsilon = 1e-6;
// The exponent of a Gaussian so narrow that it is 1 at the maximum and 0 elsewhere.
constexpr double kSteepest = -1e30;
constexpr int64_t kMostLanes = 16;

enum Saved { kConfidence, kBestY, kBestX, kTotal, kFlowX, kFlowY, kSaved = GSF_MOTION_FLOW_SAVED };

struct Sizes {
  explicit Sizes(const gsf_motion_flow_shape& shape)
      : frames(shape.num_frames),
        segments(shape.num_segments),
        height(shape.height),
        width(shape.width),
        channels(shape.channels),
        window(shape.window),
        reach(shape.window / 2),
        side(std::max<int64_t>(std::min(reach, width - 1), 0)),
        columns(2 * side + 1),
        rows(std::min(window, height)),
        padded((width + kMostLanes - 1) / kMostLanes * kMostLanes),
        pitch(padded + 2 * side) {}

  // The displacements in y that lead from row `h` into the map are [FirstRow, LastRow].
  int64_t FirstRow(int64_t h) const { return std::max(-reach, -h); }
  int64_t LastRow(int64_t h) const { return std::min(reach, height - 1 - h); }
  bool IsLastOfClip(int64_t frame) const { return frame % segments == segments - 1; }
  // Where the frame stands among those that have one after them.
  int64_t Pair(int64_t frame) const { return frame - frame / segments; }

  int64_t frames, segments, height, width, channels, window, reach;
  // Displacements in x beyond `side` lead out of the map from every position.
  int64_t side, columns;
  // Most displacements in y that lead into the map.
  int64_t rows;
  // Columns, a multiple of the longest vector, and with the zeros at both ends.
  int64_t padded, pitch;
};

template <typename T>
struct Flow {
  using R = Real<T>;

  Flow(const gsf_motion_flow_shape& shape, void* workspace)
      : sizes(shape),
        temperature(static_cast<R>(shape.temperature)),
        exponent(static_cast<R>(std::max(-0.5 / (shape.sigma * shape.sigma), kSteepest))) {
    Arena arena(workspace);
    features = arena.Take<R>(sizes.frames * sizes.height * sizes.channels * sizes.pitch);
    lengths = arena.Take<R>(sizes.frames * sizes.height * sizes.padded);
    workspace_bytes = arena.size();
  }

  // Column 0 of channel 0.
  GSF_INLINE R* Row(int64_t frame, int64_t h) const {
    return features + (frame * sizes.height + h) * sizes.channels * sizes.pitch + sizes.side;
  }
  GSF_INLINE R* SavedRow(int64_t pair, int64_t h) const {
    return saved + (pair * sizes.height + h) * kSaved * sizes.width;
  }

  Sizes sizes;
  R temperature, exponent;
  const T* x = nullptr;
  T* y = nullptr;
  const T* y_gradient = nullptr;
  T* x_gradient = nullptr;
  R* saved = nullptr;

  // In the workspace:
  R* features;  // [N, H, C, pitch]
  R* lengths;   // [N, H, padded]
  int64_t workspace_bytes;
};

// Units of all: rows of frames.
template <typename T>
void Normalize(const Flow<T>& flow, int64_t first, int64_t last);
template <typename T>
void Match(const Flow<T>& flow, int64_t first, int64_t last);
template <typename T>
void Gradient(const Flow<T>& flow, int64_t first, int64_t last);

// Of numbers that are not positive. The polynomial's coefficients are those of Cephes' expf.
template <int kLanes>
GSF_INLINE void Exp(Vector<float, kLanes>& x) {
  using V = Vector<float, kLanes>;
  // The result at the bound is the least number that is not subnormal.
  constexpr float kBound = -87.3f;
  x = x < kBound ? V{} + kBound : x;
  // Conversion rounds toward zero, so this is the nearest whole number.
  const auto whole = __builtin_convertvector(x * 1.44269504f - 0.5f, Vector<int32_t, kLanes>);
  const V turns = __builtin_convertvector(whole, V);
  const V rest = x - turns * 0.693359375f - turns * -2.12194440e-4f;
  V sum = rest * 1.9875691500e-4f + 1.3981999507e-3f;
  sum = sum * rest + 8.3334519073e-3f;
  sum = sum * rest + 4.1665795894e-2f;
  sum = sum * rest + 1.6666665459e-1f;
  sum = sum * rest + 5.0000001201e-1f;
  sum = sum * (rest * rest) + rest + 1.0f;
  x = sum * (V)(((Vector<uint32_t, kLanes>)whole + 127u) << 23);
}

template <int kLanes>
GSF_INLINE void Exp(Vector<double, kLanes>& x) {
  double values[kLanes];
  Store<kLanes>(x, values);
  for (double& value : values) value = std::exp(value);
  Load<kLanes>(values, x);
}

// What the weights of a displacement depend on, for the positions of a vector.
template <int kLanes, typename R>
struct Best {
  using V = Vector<R, kLanes>;
  V confidence, y, x;

  // `squares` are the squared distances from the maximum.
  GSF_INLINE void Weigh(const V& correlation, R dy, R dx, R exponent, R temperature, V& squares,
                        V& gaussian, V& weight) const {
    const V up = y - dy, left = x - dx;
    squares = up * up + left * left;
    gaussian = squares * exponent;
    Exp<kLanes>(gaussian);
    weight = (gaussian * correlation - confidence) * temperature;
    Exp<kLanes>(weight);
  }
};

// Correlations of the positions of a vector with those that are 0, 1, ... columns right of
// `moving`.
template <int kLanes, int kCount, typename R>
GSF_INLINE void Correlate(const R* fixed, const R* moving, const Sizes& s, R* correlations) {
  using V = Vector<R, kLanes>;
  V sums[kCount] = {};
  for (int64_t c = 0; c < s.channels; ++c) {
    V own;
    Load<kLanes>(fixed + c * s.pitch, own);
#pragma GCC unroll 16
    for (int i = 0; i < kCount; ++i) {
      V other;
      Load<kLanes>(moving + c * s.pitch + i, other);
      sums[i] += own * other;
    }
  }
#pragma GCC unroll 16
  for (int i = 0; i < kCount; ++i) {
    // A NaN is not below zero and passes.
    Store<kLanes>(sums[i] < V{} ? V{} : sums[i], correlations + i * kLanes);
  }
}

template <int kLanes, int kCount, typename R>
GSF_INLINE void CorrelateExactly(int64_t count, const R* fixed, const R* moving, const Sizes& s,
                                 R* correlations) {
  if (count == kCount) {
    Correlate<kLanes, kCount>(fixed, moving, s, correlations);
  } else if constexpr (kCount > 1) {
    CorrelateExactly<kLanes, kCount - 1>(count, fixed, moving, s, correlations);
  }
}

// Correlations with all columns of a row of the window, [columns, lanes], in groups of nearly equal
// size, each as large as registers allow. `moving` is the row at the same column as `fixed`.
template <int kBytes, typename R>
GSF_INLINE void CorrelateRow(const R* fixed, const R* moving, const Sizes& s, R* correlations) {
  constexpr int kLanes = kBytes / sizeof(R);
  constexpr int kMost = kBytes == 64 ? 16 : 8;
  const int64_t groups = (s.columns + kMost - 1) / kMost;
  for (int64_t group = 0; group < groups; ++group) {
    const int64_t begin = group * s.columns / groups;
    const int64_t end = (group + 1) * s.columns / groups;
    CorrelateExactly<kLanes, kMost>(end - begin, fixed, moving - s.side + begin, s,
                                    correlations + begin * kLanes);
  }
}

}  // namespace motion_flow
}  // namespace gsf_tf

#endif  // GSF_TF_CUSTOM_OPS_KERNELS_MOTION_FLOW_PASSES_H_
