// What the passes of Gate-Shift-Fuse on the CPU share: sizes, and the order of channels.

#ifndef GSF_TF_CUSTOM_OPS_KERNELS_GATE_SHIFT_FUSE_PASSES_H_
#define GSF_TF_CUSTOM_OPS_KERNELS_GATE_SHIFT_FUSE_PASSES_H_

#include <cstdint>

#include "custom_ops/kernels/cpu_passes.h"
#include "custom_ops/kernels/gate_shift_fuse.h"

namespace gsf_tf {
namespace gate_shift_fuse {

constexpr int kTaps = 27;  // 3x3x3
// Channels of a half are padded to a multiple of this in the workspace: the longest vector.
constexpr int64_t kPadding = 16;
// Pixels whose sums are formed by themselves: short chains of additions keep the sums exact.
constexpr int64_t kSumPixels = 16;

struct Sizes {
  explicit Sizes(const gsf_gate_shift_fuse_shape& shape)
      : frames(shape.num_frames),
        segments(shape.num_segments),
        clips(shape.num_frames / shape.num_segments),
        height(shape.height),
        width(shape.width),
        pixels(shape.height * shape.width),
        channels(shape.channels),
        processed(shape.processed),
        half(shape.processed / 2),
        quarter(shape.processed / 4),
        padded((half + kPadding - 1) / kPadding * kPadding),
        epsilon(shape.epsilon),
        training(shape.training != 0),
        learned_fusion(shape.learned_fusion != 0),
        causal(shape.causal != 0) {}

  // Where S of a half reads: the number of frames after this one.
  int64_t ShiftStep(int64_t half) const { return half == 0 && !causal ? 1 : -1; }
  // Where tap 0, 1 or 2 in time of a convolution reads: the number of frames after this one.
  int64_t TapStep(int64_t tap) const { return tap - (causal ? 2 : 1); }
  // Whether frame `t` of a clip is inside it.
  bool InClip(int64_t t) const { return t >= 0 && t < segments; }

  int64_t frames, segments, clips, height, width, pixels;
  int64_t channels, processed, half, quarter, padded;
  double epsilon;
  bool training, learned_fusion, causal;
};

// Rows of P values, one per frame, or the same one for all frames.
template <typename T>
struct FrameRows {
  T* rows;
  int64_t pitch;
  T* row(int64_t frame) const { return rows + frame * pitch; }
};

#if defined(__has_builtin)
#if __has_builtin(__builtin_shufflevector)
#define GSF_SHUFFLE(a, b, ...) __builtin_shufflevector(a, b, __VA_ARGS__)
#endif
#endif

template <int... kIndices>
struct Indices {};
template <int kCount, int... kIndices>
struct MakeIndices : MakeIndices<kCount - 1, kCount - 1, kIndices...> {};
template <int... kIndices>
struct MakeIndices<0, kIndices...> {
  using type = Indices<kIndices...>;
};

#ifdef GSF_SHUFFLE
template <typename V, int... kIndices>
GSF_INLINE void InterleaveAs(V& a, V& b, Indices<kIndices...>) {
  constexpr int kLanes = sizeof...(kIndices);
  const V low = GSF_SHUFFLE(a, b, (kIndices / 2 + kIndices % 2 * kLanes)...);
  b = GSF_SHUFFLE(a, b, ((kIndices + kLanes) / 2 + (kIndices + kLanes) % 2 * kLanes)...);
  a = low;
}
template <typename V, int... kIndices>
GSF_INLINE void DeinterleaveAs(V& a, V& b, Indices<kIndices...>) {
  const V even = GSF_SHUFFLE(a, b, (2 * kIndices)...);
  b = GSF_SHUFFLE(a, b, (2 * kIndices + 1)...);
  a = even;
}
#else
template <typename V, int... kIndices>
GSF_INLINE void InterleaveAs(V& a, V& b, Indices<kIndices...>) {
  constexpr int kLanes = sizeof...(kIndices);
  const V first = a, second = b;
  for (int i = 0; i < 2 * kLanes; ++i) {
    (i < kLanes ? a : b)[i % kLanes] = (i % 2 ? second : first)[i / 2];
  }
}
template <typename V, int... kIndices>
GSF_INLINE void DeinterleaveAs(V& a, V& b, Indices<kIndices...>) {
  constexpr int kLanes = sizeof...(kIndices);
  const V first = a, second = b;
  for (int i = 0; i < 2 * kLanes; ++i) {
    (i % 2 ? b : a)[i / 2] = (i < kLanes ? first : second)[i % kLanes];
  }
}
#endif

// The lanes of (a, b), taken in turn from a and from b.
template <int kLanes, typename V>
GSF_INLINE void Interleave(V& a, V& b) {
  InterleaveAs(a, b, typename MakeIndices<kLanes>::type());
}

// The inverse of Interleave.
template <int kLanes, typename V>
GSF_INLINE void Deinterleave(V& a, V& b) {
  DeinterleaveAs(a, b, typename MakeIndices<kLanes>::type());
}

// ReLU(BN(x)) of `count` channels, padded with what `activated` and `centered` held before. The
// order of operations is the same in both directions: subtracting the mean first keeps digits.
template <typename T>
struct Activation {
  const T* x;
  const Real<T>* mean;
  const Real<T>* scale;
  const Real<T>* offset;
  Real<T>* activated;
  Real<T>* centered;  // x - mean, or null

  template <int kLanes>
  GSF_INLINE void Block(int64_t i) {
    using V = Vector<Real<T>, kLanes>;
    V x_block, mean_block, scale_block, offset_block;
    Load<kLanes>(x + i, x_block);
    Load<kLanes>(mean + i, mean_block);
    Load<kLanes>(scale + i, scale_block);
    Load<kLanes>(offset + i, offset_block);
    x_block -= mean_block;
    if (centered) Store<kLanes>(x_block, centered + i);
    x_block = x_block * scale_block + offset_block;
    // A NaN is not below zero and passes.
    Store<kLanes>(x_block < V{} ? V{} : x_block, activated + i);
  }
};

}  // namespace gate_shift_fuse
}  // namespace gsf_tf

#endif  // GSF_TF_CUSTOM_OPS_KERNELS_GATE_SHIFT_FUSE_PASSES_H_
