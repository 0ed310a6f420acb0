// Equations (1), (2): the gate. One output plane per half makes the 3x3x3 convolution a product
// from P / 2 channels to 27 numbers per pixel, and a sum of those over the neighbors.

#include <algorithm>
#include <cmath>

#include "custom_ops/kernels/gate_shift_fuse_forward.h"

namespace gsf_tf {
namespace gate_shift_fuse {
namespace {

// Sums of the products over the columns' taps: row-major pairs of taps in height and time, padded.
constexpr int kPairs = 12;

// product[p, :] = sum over c of activated[p, c] * kernel[c, :] for kPixels pixels, in registers.
template <int kLanes, int kPixels, typename R>
GSF_INLINE void MultiplyPixels(const R* activated, const R* kernel, int64_t channels, R* product) {
  using V = Vector<R, kLanes>;
  constexpr int kVectors = kPlanes / kLanes;
  V sums[kPixels][kVectors] = {};
  for (int64_t c = 0; c < channels; ++c) {
    V taps[kVectors];
#pragma GCC unroll 16
    for (int v = 0; v < kVectors; ++v) Load<kLanes>(kernel + c * kPlanes + v * kLanes, taps[v]);
#pragma GCC unroll 16
    for (int p = 0; p < kPixels; ++p) {
#pragma GCC unroll 16
      for (int v = 0; v < kVectors; ++v) sums[p][v] += taps[v] * activated[p * channels + c];
    }
  }
#pragma GCC unroll 16
  for (int p = 0; p < kPixels; ++p) {
#pragma GCC unroll 16
    for (int v = 0; v < kVectors; ++v) {
      Store<kLanes>(sums[p][v], product + p * kPlanes + v * kLanes);
    }
  }
}

template <int kLanes, int kPixels, typename R>
GSF_INLINE void MultiplyExactly(int64_t pixels, const R* activated, const R* kernel,
                                int64_t channels, R* product) {
  if (pixels == kPixels) {
    MultiplyPixels<kLanes, kPixels>(activated, kernel, channels, product);
  } else if constexpr (kPixels > 1) {
    MultiplyExactly<kLanes, kPixels - 1>(pixels, activated, kernel, channels, product);
  }
}

// A row of pixels in groups of nearly equal size, each as large as registers allow.
template <int kBytes, typename R>
GSF_INLINE void MultiplyRow(const R* activated, const R* kernel, int64_t channels, int64_t width,
                            R* product) {
  constexpr int kLanes = kBytes / sizeof(R);
  constexpr int kRegisters = kBytes == 64 ? 32 : 16;
  constexpr int kVectors = kPlanes / kLanes;
  constexpr int kMost = std::max(1, kRegisters / 2 / kVectors);
  const int64_t groups = (width + kMost - 1) / kMost;
  for (int64_t group = 0; group < groups; ++group) {
    const int64_t first = group * width / groups;
    MultiplyExactly<kLanes, kMost>((group + 1) * width / groups - first,
                                   activated + first * channels, kernel, channels,
                                   product + first * kPlanes);
  }
}

template <typename R>
GSF_INLINE void SumColumns(const R* product, int64_t width, R* pairs) {
  using V = Vector<R, 4>;
  for (int64_t w = 0; w < width; ++w) {
#pragma GCC unroll 3
    for (int part = 0; part < kPairs; part += 4) {
      V left, middle, right;
      Load<4>(product + (w - 1) * kPlanes + part, left);
      Load<4>(product + w * kPlanes + 9 + part, middle);
      Load<4>(product + (w + 1) * kPlanes + 18 + part, right);
      Store<4>(left + middle + right, pairs + w * kPairs + part);
    }
  }
}

template <typename R>
GSF_INLINE void SumRows(const R* above, const R* same, const R* below, int64_t width, R* taps) {
  using V = Vector<R, 4>;
  for (int64_t w = 0; w < width; ++w) {
    V first, second, third;
    Load<4>(above + w * kPairs, first);
    Load<4>(same + w * kPairs + 3, second);
    Load<4>(below + w * kPairs + 6, third);
    Store<4>(first + second + third, taps + w * 8);
  }
}

struct GateTapsPass {
  template <int kBytes, typename T>
  static GSF_INLINE void Run(const Forward<T>& f, int64_t first, int64_t last) {
    using R = Real<T>;
    constexpr int kLanes = kBytes / sizeof(R);
    const Sizes& s = f.sizes;
    const auto activated = Buffer<R>(s.width * s.half);
    // Zeros on both sides of the row: the pixels outside.
    const auto product_buffer = Buffer<R>((s.width + 2) * kPlanes);
    R* const product = product_buffer.get() + kPlanes;
    const int64_t slot = 2 * s.width * kPairs;
    const auto pairs = Buffer<R>(3 * slot);
    for (int64_t row = first; row < last;) {
      const int64_t frame = row / s.height;
      const int64_t begin = row % s.height;
      const int64_t end = std::min(s.height, begin + last - row);
      for (int64_t h = begin - 1; h <= end; ++h) {
        R* const own = pairs.get() + (h + 3) % 3 * slot;
        if (h < 0 || h == s.height) {
          std::fill(own, own + slot, R{0});
        } else {
          for (int half = 0; half < 2; ++half) {
            const int64_t c = half * s.half;
            const T* x = f.x + (frame * s.pixels + h * s.width) * s.channels + c;
            for (int64_t w = 0; w < s.width; ++w) {
              Activation<T> activation = {
                  x + w * s.channels,           f.mean + c, f.scale + c, f.beta + c,
                  activated.get() + w * s.half, nullptr};
              ForBlocks<kLanes>(activation, s.half);
            }
            MultiplyRow<kBytes>(activated.get(), f.kernel + c * kPlanes, s.half, s.width, product);
            SumColumns(product, s.width, own + half * s.width * kPairs);
          }
        }
        if (h <= begin) continue;
        for (int half = 0; half < 2; ++half) {
          const R* const rows = pairs.get() + half * s.width * kPairs;
          SumRows(rows + (h + 1) % 3 * slot, rows + (h + 2) % 3 * slot, rows + h % 3 * slot,
                  s.width, f.taps + ((frame * s.height + h - 1) * s.width * 2 + half) * 4);
        }
      }
      row += end - begin;
    }
  }
};

// tanh of float32 as the quotient of two polynomials (the coefficients are Eigen's); beyond the
// bound it is 1 in float32.
struct Tanh {
  float* values;

  template <int kLanes>
  GSF_INLINE void Block(int64_t i) {
    using V = Vector<float, kLanes>;
    constexpr float kBound = 7.99881172180175781f;
    V x;
    Load<kLanes>(values + i, x);
    V z = x > kBound ? V{} + kBound : x;
    z = z < -kBound ? V{} - kBound : z;
    const V square = z * z;
    V above = square * -2.76076847742355e-16f + 2.00018790482477e-13f;
    above = above * square + -8.60467152213735e-11f;
    above = above * square + 5.12229709037114e-08f;
    above = above * square + 1.48572235717979e-05f;
    above = above * square + 6.37261928875436e-04f;
    above = above * square + 4.89352455891786e-03f;
    V below = square * 1.19825839466702e-06f + 1.18534705686654e-04f;
    below = below * square + 2.26843463243900e-03f;
    below = below * square + 4.89352518554385e-03f;
    Store<kLanes>(z * above / below, values + i);
  }
};

template <int kLanes>
GSF_INLINE void TanhRow(float* values, int64_t count) {
  Tanh tanh = {values};
  ForBlocks<kLanes>(tanh, count);
}

template <int kLanes>
GSF_INLINE void TanhRow(double* values, int64_t count) {
  for (int64_t i = 0; i < count; ++i) values[i] = std::tanh(values[i]);
}

struct GatePass {
  template <int kBytes, typename T>
  static GSF_INLINE void Run(const Forward<T>& f, int64_t first, int64_t last) {
    using R = Real<T>;
    const Sizes& s = f.sizes;
    const int64_t row_gates = 2 * s.width;
    const int64_t frame_taps = s.pixels * 2 * 4;
    for (int64_t row = first; row < last; ++row) {
      const int64_t t = row / s.height % s.segments;
      const R* const taps = f.taps + row * row_gates * 4;
      R* const gate = f.gate + row * row_gates;
      for (int64_t i = 0; i < row_gates; ++i) gate[i] = f.gate_bias[i % 2];
      for (const int64_t tap : {1, 0, 2}) {
        if (!s.InClip(t + s.TapStep(tap))) continue;
        const R* const read = taps + tap + s.TapStep(tap) * frame_taps;
        for (int64_t i = 0; i < row_gates; ++i) gate[i] += read[4 * i];
      }
      TanhRow<kBytes / static_cast<int>(sizeof(R))>(gate, row_gates);
    }
  }
};

}  // namespace

GSF_DEFINE_PASS(GateTaps, Forward);
GSF_DEFINE_PASS(Gate, Forward);

}  // namespace gate_shift_fuse
}  // namespace gsf_tf
