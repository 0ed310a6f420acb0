#include "custom_ops/kernels/row_blend.h"

#include <algorithm>

#include "custom_ops/kernels/instruction_sets.h"

namespace gsf_tf {
namespace {

// Longer lists read the coefficients anew for each pixel, as registers do not hold more.
constexpr int kMaxUnrolled = 4;

template <int kLanes, int kTaps, typename In, typename Out>
GSF_INLINE void BlendBlock(const In* input, int64_t input_pitch, const Tap<const Real<In>>* taps,
                           Out* output, int64_t output_pitch, int64_t count) {
  using V = Vector<Real<In>, kLanes>;
  V coefficients[kTaps];
  for (int k = 0; k < kTaps; ++k) Load<kLanes>(taps[k].row, coefficients[k]);
  const In* sources[kTaps];
  for (int k = 0; k < kTaps; ++k) sources[k] = input + taps[k].offset;
  int64_t position = 0;
  for (int64_t pixel = 0; pixel < count; ++pixel) {
    // From zero, so that a coefficient of zero does not make a negative one.
    V sum = {};
    for (int k = 0; k < kTaps; ++k) {
      V value;
      Load<kLanes>(sources[k] + position, value);
      sum = coefficients[k] * value + sum;
    }
    Store<kLanes>(sum, output);
    position += input_pitch;
    output += output_pitch;
  }
}

template <int kLanes, typename In, typename Out>
GSF_INLINE void BlendBlockOfAny(const In* input, int64_t input_pitch,
                                const Tap<const Real<In>>* taps, int64_t num_taps, Out* output,
                                int64_t output_pitch, int64_t count) {
  using V = Vector<Real<In>, kLanes>;
  for (int64_t pixel = 0; pixel < count; ++pixel) {
    V sum = {};
    for (int64_t k = 0; k < num_taps; ++k) {
      V coefficient, value;
      Load<kLanes>(taps[k].row, coefficient);
      Load<kLanes>(input + taps[k].offset, value);
      sum = coefficient * value + sum;
    }
    Store<kLanes>(sum, output);
    input += input_pitch;
    output += output_pitch;
  }
}

template <int kLanes, typename In, typename Out>
GSF_INLINE void BlendBlocks(const Pixels<const In>& input, const TapTable<const Real<In>>& table,
                            const Pixels<Out>& output, const Blocks& blocks, int64_t count) {
  for (int64_t block = 0; block < table.num_blocks(); ++block) {
    const int64_t channel = blocks.first_channel(block);
    const auto* taps = table.taps.data() + table.begin[block];
    const int64_t num_taps = table.begin[block + 1] - table.begin[block];
    const In* from = input.pixels + channel;
    Out* to = output.pixels + channel;
    switch (num_taps) {
      case 1:
        BlendBlock<kLanes, 1>(from, input.pitch, taps, to, output.pitch, count);
        break;
      case 2:
        BlendBlock<kLanes, 2>(from, input.pitch, taps, to, output.pitch, count);
        break;
      case 3:
        BlendBlock<kLanes, 3>(from, input.pitch, taps, to, output.pitch, count);
        break;
      case 4:
        BlendBlock<kLanes, 4>(from, input.pitch, taps, to, output.pitch, count);
        break;
      default:
        BlendBlockOfAny<kLanes>(from, input.pitch, taps, num_taps, to, output.pitch, count);
    }
  }
}

template <int kLanes, int kTaps, typename One, typename Other>
GSF_INLINE void CorrelateBlock(const One* one, int64_t one_pitch, const Other* other,
                               int64_t other_pitch, const Tap<Real<One>>* taps, int64_t count) {
  using V = Vector<Real<One>, kLanes>;
  V sums[kTaps];
  for (int k = 0; k < kTaps; ++k) Load<kLanes>(taps[k].row, sums[k]);
  const Other* sources[kTaps];
  for (int k = 0; k < kTaps; ++k) sources[k] = other + taps[k].offset;
  int64_t position = 0;
  for (int64_t pixel = 0; pixel < count; ++pixel) {
    V factor, value;
    Load<kLanes>(one, factor);
    for (int k = 0; k < kTaps; ++k) {
      Load<kLanes>(sources[k] + position, value);
      sums[k] = factor * value + sums[k];
    }
    one += one_pitch;
    position += other_pitch;
  }
  for (int k = 0; k < kTaps; ++k) Store<kLanes>(sums[k], taps[k].row);
}

template <int kLanes, typename One, typename Other>
GSF_INLINE void CorrelateBlocks(const Pixels<const One>& one, const Pixels<const Other>& other,
                                const TapTable<Real<One>>& table, const Blocks& blocks,
                                int64_t count) {
  for (int64_t block = 0; block < table.num_blocks(); ++block) {
    const int64_t channel = blocks.first_channel(block);
    const One* factor = one.pixels + channel;
    const Other* source = other.pixels + channel;
    const auto* end = table.taps.data() + table.begin[block + 1];
    for (const auto* taps = table.taps.data() + table.begin[block]; taps < end;
         taps += kMaxUnrolled) {
      switch (std::min<int64_t>(end - taps, kMaxUnrolled)) {
        case 1:
          CorrelateBlock<kLanes, 1>(factor, one.pitch, source, other.pitch, taps, count);
          break;
        case 2:
          CorrelateBlock<kLanes, 2>(factor, one.pitch, source, other.pitch, taps, count);
          break;
        case 3:
          CorrelateBlock<kLanes, 3>(factor, one.pitch, source, other.pitch, taps, count);
          break;
        default:
          CorrelateBlock<kLanes, 4>(factor, one.pitch, source, other.pitch, taps, count);
      }
    }
  }
}

#ifdef GSF_AVX2

template <int kLanes, typename In, typename Out>
GSF_AVX2 void BlendWithAvx2(const Pixels<const In>& input, const TapTable<const Real<In>>& table,
                            const Pixels<Out>& output, const Blocks& blocks, int64_t count) {
  BlendBlocks<kLanes>(input, table, output, blocks, count);
}

template <int kLanes, typename In, typename Out>
GSF_AVX512 void BlendWithAvx512(const Pixels<const In>& input,
                                const TapTable<const Real<In>>& table, const Pixels<Out>& output,
                                const Blocks& blocks, int64_t count) {
  BlendBlocks<kLanes>(input, table, output, blocks, count);
}

template <int kLanes, typename One, typename Other>
GSF_AVX2 void CorrelateWithAvx2(const Pixels<const One>& one, const Pixels<const Other>& other,
                                const TapTable<Real<One>>& table, const Blocks& blocks,
                                int64_t count) {
  CorrelateBlocks<kLanes>(one, other, table, blocks, count);
}

template <int kLanes, typename One, typename Other>
GSF_AVX512 void CorrelateWithAvx512(const Pixels<const One>& one, const Pixels<const Other>& other,
                                    const TapTable<Real<One>>& table, const Blocks& blocks,
                                    int64_t count) {
  CorrelateBlocks<kLanes>(one, other, table, blocks, count);
}

#endif

}  // namespace

// 64 bytes are only asked for where VectorBytes says so.
template <int kLanes, typename In, typename Out>
void Blend(const Pixels<const In>& input, const TapTable<const Real<In>>& table,
           const Pixels<Out>& output, const Blocks& blocks, int64_t count) {
#ifdef GSF_AVX2
  if constexpr (kLanes * sizeof(Real<In>) == 64) {
    return BlendWithAvx512<kLanes>(input, table, output, blocks, count);
  }
  if (VectorBytes() >= 32) return BlendWithAvx2<kLanes>(input, table, output, blocks, count);
#endif
  BlendBlocks<kLanes>(input, table, output, blocks, count);
}

template <int kLanes, typename One, typename Other>
void Correlate(const Pixels<const One>& one, const Pixels<const Other>& other,
               const TapTable<Real<One>>& table, const Blocks& blocks, int64_t count) {
#ifdef GSF_AVX2
  if constexpr (kLanes * sizeof(Real<One>) == 64) {
    return CorrelateWithAvx512<kLanes>(one, other, table, blocks, count);
  }
  if (VectorBytes() >= 32) return CorrelateWithAvx2<kLanes>(one, other, table, blocks, count);
#endif
  CorrelateBlocks<kLanes>(one, other, table, blocks, count);
}

#define INSTANTIATE_BLEND(LANES, IN, OUT)                                              \
  template void Blend<LANES>(const Pixels<const IN>&, const TapTable<const Real<IN>>&, \
                             const Pixels<OUT>&, const Blocks&, int64_t)
#define INSTANTIATE_CORRELATE(LANES, ONE, OTHER)                                       \
  template void Correlate<LANES>(const Pixels<const ONE>&, const Pixels<const OTHER>&, \
                                 const TapTable<Real<ONE>>&, const Blocks&, int64_t)
#define INSTANTIATE_HALF(LANES, HALF)        \
  INSTANTIATE_BLEND(LANES, HALF, HALF);      \
  INSTANTIATE_BLEND(LANES, HALF, float);     \
  INSTANTIATE_BLEND(LANES, float, HALF);     \
  INSTANTIATE_CORRELATE(LANES, HALF, float); \
  INSTANTIATE_CORRELATE(LANES, float, HALF)
#define INSTANTIATE(LANES, REAL)        \
  INSTANTIATE_BLEND(LANES, REAL, REAL); \
  INSTANTIATE_CORRELATE(LANES, REAL, REAL)

INSTANTIATE(1, float);
INSTANTIATE(8, float);
INSTANTIATE(16, float);
INSTANTIATE(1, double);
INSTANTIATE(4, double);
INSTANTIATE(8, double);
INSTANTIATE_HALF(1, Bfloat16);
INSTANTIATE_HALF(8, Bfloat16);
INSTANTIATE_HALF(16, Bfloat16);
INSTANTIATE_HALF(1, Float16);
INSTANTIATE_HALF(8, Float16);
INSTANTIATE_HALF(16, Float16);

}  // namespace gsf_tf
