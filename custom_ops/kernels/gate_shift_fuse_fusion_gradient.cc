// Gradient of equations (7)-(10) with respect to F, the spatial means and the fusion weights.

#include <cmath>

#include "custom_ops/kernels/gate_shift_fuse_gradient.h"

namespace gsf_tf {
namespace gate_shift_fuse {
namespace {

// Adds the sums over `count` pixels of Z' (S - R), Z' being the gradient of Z.
template <typename T>
struct SumFusion {
  const T* x;
  const T* shifted;
  int64_t shifted_pitch;
  const T* y_gradient;
  int64_t pitch;
  const Real<T>* gate;
  const Real<T>* other_gate;
  int64_t other_gate_pitch;
  int64_t count;
  int64_t quarter;
  Real<T>* sums;

  template <int kLanes>
  GSF_INLINE void Add(int64_t pixel, int64_t c, const Vector<Real<T>, kLanes>& z_gradient,
                      Vector<Real<T>, kLanes>& sum) {
    Vector<Real<T>, kLanes> own, other;
    Load<kLanes>(x + pixel * pitch + c, own);
    Load<kLanes>(shifted + pixel * shifted_pitch + c, other);
    const auto difference =
        other * other_gate[pixel * other_gate_pitch] - (own - own * gate[2 * pixel]);
    sum += z_gradient * difference;
  }

  template <int kLanes>
  GSF_INLINE void Block(int64_t i) {
    Vector<Real<T>, kLanes> first = {}, second = {}, even, odd;
    for (int64_t pixel = 0; pixel < count; ++pixel) {
      Load<kLanes>(y_gradient + pixel * pitch + 2 * i, even);
      Load<kLanes>(y_gradient + pixel * pitch + 2 * i + kLanes, odd);
      Deinterleave<kLanes>(even, odd);
      Add<kLanes>(pixel, i, even, first);
      Add<kLanes>(pixel, quarter + i, odd, second);
    }
    Load<kLanes>(sums + i, even);
    Store<kLanes>(even + first, sums + i);
    Load<kLanes>(sums + quarter + i, odd);
    Store<kLanes>(odd + second, sums + quarter + i);
  }
};

struct ScoreGradientPass {
  template <int kBytes, typename T>
  static GSF_INLINE void Run(const Gradient<T>& g, int64_t first, int64_t last) {
    using R = Real<T>;
    const Sizes& s = g.sizes;
    const auto zeros = Buffer<T>(s.half);
    const R no_gate = 0;
    for (int64_t unit = first; unit < last; ++unit) {
      const int64_t frame = unit / 2, half = unit % 2;
      const int64_t step = s.ShiftStep(half);
      const bool inside = s.InClip(frame % s.segments + step);
      SumFusion<T> sum;
      sum.pitch = s.channels;
      sum.shifted_pitch = inside ? s.channels : 0;
      sum.other_gate_pitch = inside ? 2 : 0;
      sum.quarter = s.quarter;
      sum.sums = g.score_gradient + frame * s.processed + half * s.half;
      std::fill(sum.sums, sum.sums + s.half, R{0});
      for (int64_t pixel = 0; pixel < s.pixels; pixel += kSumPixels) {
        const int64_t own = frame * s.pixels + pixel, other = own + step * s.pixels;
        sum.x = g.x + own * s.channels + half * s.half;
        sum.y_gradient = g.y_gradient + own * s.channels + half * s.half;
        sum.gate = g.gate + own * 2 + half;
        sum.shifted = inside ? g.x + other * s.channels + half * s.half : zeros.get();
        sum.other_gate = inside ? g.gate + other * 2 + half : &no_gate;
        sum.count = std::min(kSumPixels, s.pixels - pixel);
        ForBlocks<kBytes / static_cast<int>(sizeof(R))>(sum, s.quarter);
      }
      const R* const weight = g.shifted_weight.row(frame) + half * s.half;
      R* const residual_weight = g.residual_weight.row(frame) + half * s.half;
      for (int64_t c = 0; c < s.half; ++c) {
        residual_weight[c] = 1 - weight[c];
        sum.sums[c] *= weight[c] * residual_weight[c];
      }
    }
  }
};

struct MeansGradientPass {
  template <int kBytes, typename T>
  static GSF_INLINE void Run(const Gradient<T>& g, int64_t first, int64_t last) {
    using R = Real<T>;
    const Sizes& s = g.sizes;
    for (int64_t unit = first; unit < last; ++unit) {
      const int64_t clip = unit / 2, half = unit % 2;
      R* const sums = g.fusion_sums + unit * kFusionWeights;
      std::fill(sums, sums + kFusionWeights, R{0});
      for (int64_t t = 0; t < s.segments; ++t) {
        const int64_t frame = clip * s.segments + t;
        R* const shifted = g.shifted_mean_gradient.row(frame) + half * s.half;
        R* const residual = g.residual_mean_gradient.row(frame) + half * s.half;
        std::fill(shifted, shifted + s.half, R{0});
        std::fill(residual, residual + s.half, R{0});
        for (int64_t i = 0; i < kFusionWeights; ++i) {
          const bool is_bias = i == kFusionWeights - 1;
          // The score that the mean of frame t enters through this weight, and where.
          const int64_t channel_step = is_bias ? 0 : i / 6 - 1;
          const int64_t time = is_bias ? t : t - s.TapStep(i / 2 % 3);
          if (!s.InClip(time)) continue;
          const R* const score =
              g.score_gradient + (clip * s.segments + time) * s.processed + half * s.half;
          if (is_bias) {
            for (int64_t c = 0; c < s.half; ++c) sums[i] += score[c];
            continue;
          }
          const R* const mean = g.means + (frame * 2 + i % 2) * s.processed + half * s.half;
          R* const mean_gradient = i % 2 == 0 ? shifted : residual;
          const R tap = g.fusion_kernel[half * 18 + i];
          const int64_t begin = std::max<int64_t>(0, channel_step);
          const int64_t end = s.half + std::min<int64_t>(0, channel_step);
          R sum = 0;
          for (int64_t c = begin; c < end; ++c) {
            mean_gradient[c] += tap * score[c - channel_step];
            sum += mean[c] * score[c - channel_step];
          }
          sums[i] += sum;
        }
        const R pixels = static_cast<R>(s.pixels);
        for (int64_t c = 0; c < s.half; ++c) {
          shifted[c] /= pixels;
          residual[c] /= pixels;
        }
      }
    }
  }
};

}  // namespace

template <typename T>
void PrepareGradient(const Gradient<T>& g, int64_t first, int64_t last) {
  using R = Real<T>;
  const Sizes& s = g.sizes;
  if (first == 0) {
    std::fill(g.zero_row, g.zero_row + g.gate_pitch, R{0});
    for (int64_t row = 0; row < 2 * kTaps; ++row) {
      std::fill(g.adjoint_kernel + row * s.padded + s.half, g.adjoint_kernel + (row + 1) * s.padded,
                R{0});
    }
  }
  for (int64_t channel = first; channel < last; ++channel) {
    const int64_t half = channel / s.half, c = channel % s.half;
    g.scale[channel] =
        g.gamma[channel] / std::sqrt(g.variance[channel] + static_cast<R>(s.epsilon));
    if (!s.learned_fusion) {
      g.residual_weight.rows[channel] = 1;
      g.shifted_mean_gradient.rows[channel] = 0;
      g.residual_mean_gradient.rows[channel] = 0;
    }
    for (int tap = 0; tap < kTaps; ++tap) {
      const int reversed = tap - tap % 3 + 2 - tap % 3;
      g.adjoint_kernel[(half * kTaps + tap) * s.padded + c] =
          g.gate_kernel[(reversed * s.half + c) * 2 + half];
    }
  }
}
GSF_INSTANTIATE_PASS(PrepareGradient, Gradient);

GSF_DEFINE_PASS(ScoreGradient, Gradient);
GSF_DEFINE_PASS(MeansGradient, Gradient);

}  // namespace gate_shift_fuse
}  // namespace gsf_tf
