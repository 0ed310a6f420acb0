// Statistics of the batch, and what is prepared per channel.

#include <algorithm>
#include <cmath>

#include "custom_ops/kernels/gate_shift_fuse_forward.h"

namespace gsf_tf {
namespace gate_shift_fuse {
namespace {

// Joins the mean and the sum of squared distances of `count` pixels with those of `before` ones
// (Chan et al., Updating formulae and a pairwise algorithm, 1979).
template <typename T>
struct JoinMoments {
  const T* x;
  int64_t pitch;
  int64_t count;
  int64_t before;
  Real<T>* mean;
  Real<T>* squares;

  template <int kLanes>
  GSF_INLINE void Block(int64_t i) {
    using R = Real<T>;
    using V = Vector<R, kLanes>;
    V sum = {}, own_squares = {}, value, joined_mean, joined_squares;
    for (int64_t pixel = 0; pixel < count; ++pixel) {
      Load<kLanes>(x + pixel * pitch + i, value);
      sum += value;
    }
    const V own_mean = sum / static_cast<R>(count);
    for (int64_t pixel = 0; pixel < count; ++pixel) {
      Load<kLanes>(x + pixel * pitch + i, value);
      value -= own_mean;
      own_squares += value * value;
    }
    if (before == 0) {
      Store<kLanes>(own_mean, mean + i);
      Store<kLanes>(own_squares, squares + i);
      return;
    }
    Load<kLanes>(mean + i, joined_mean);
    Load<kLanes>(squares + i, joined_squares);
    const R share = static_cast<R>(count) / static_cast<R>(before + count);
    const V distance = own_mean - joined_mean;
    joined_mean += distance * share;
    joined_squares += own_squares + distance * distance * (share * static_cast<R>(before));
    Store<kLanes>(joined_mean, mean + i);
    Store<kLanes>(joined_squares, squares + i);
  }
};

struct StatisticsPass {
  template <int kBytes, typename T>
  static GSF_INLINE void Run(const Forward<T>& f, int64_t first, int64_t last) {
    constexpr int kLanes = kBytes / sizeof(Real<T>);
    const Sizes& s = f.sizes;
    for (int64_t unit = first; unit < last; ++unit) {
      const int64_t frame = unit / 2, channel = unit % 2 * s.half;
      JoinMoments<T> join;
      join.pitch = s.channels;
      join.mean = f.frame_mean + frame * s.processed + channel;
      join.squares = f.frame_squares + frame * s.processed + channel;
      for (int64_t pixel = 0; pixel < s.pixels; pixel += kSumPixels) {
        join.x = f.x + (frame * s.pixels + pixel) * s.channels + channel;
        join.count = std::min(kSumPixels, s.pixels - pixel);
        join.before = pixel;
        ForBlocks<kLanes>(join, s.half);
      }
    }
  }
};

template <typename T>
void BatchMoments(const Forward<T>& f, int64_t channel) {
  const Sizes& s = f.sizes;
  double mean = 0, squares = 0;
  for (int64_t frame = 0; frame < s.frames; ++frame) {
    mean += f.frame_mean[frame * s.processed + channel];
  }
  mean /= static_cast<double>(s.frames);
  for (int64_t frame = 0; frame < s.frames; ++frame) {
    const double distance = f.frame_mean[frame * s.processed + channel] - mean;
    squares += f.frame_squares[frame * s.processed + channel] +
               static_cast<double>(s.pixels) * distance * distance;
  }
  f.mean[channel] = static_cast<Real<T>>(mean);
  f.variance[channel] = static_cast<Real<T>>(squares / (static_cast<double>(s.frames) * s.pixels));
}

}  // namespace

GSF_DEFINE_PASS(Statistics, Forward);
template <typename T>
void Normalization(const Forward<T>& f, int64_t first, int64_t last) {
  using R = Real<T>;
  const Sizes& s = f.sizes;
  for (int64_t channel = first; channel < last; ++channel) {
    if (s.training) {
      BatchMoments(f, channel);
    } else {
      f.mean[channel] = f.moving_mean[channel];
      f.variance[channel] = f.moving_variance[channel];
    }
    f.scale[channel] =
        f.gamma[channel] / std::sqrt(f.variance[channel] + static_cast<R>(s.epsilon));
    if (!s.learned_fusion) f.residual_weight.rows[channel] = 1;
    R* planes = f.kernel + channel * kPlanes;
    std::fill(planes + kTaps, planes + kPlanes, R{0});
    for (int tap = 0; tap < kTaps; ++tap) {
      const int time = tap / 9, row = tap / 3 % 3, column = tap % 3;
      planes[column * 9 + row * 3 + time] =
          f.gate_kernel[(tap * s.half + channel % s.half) * 2 + channel / s.half];
    }
  }
}
GSF_INSTANTIATE_PASS(Normalization, Forward);

}  // namespace gate_shift_fuse
}  // namespace gsf_tf
