#include <cstring>

#include "custom_ops/kernels/rubiks_shift_kernels.h"

#if defined(__x86_64__)
#include <emmintrin.h>
#endif

namespace gsf_tf {
namespace {

// What reads such an output next does not find it in a cache anyway.
constexpr int64_t kStreamedBytes = int64_t{16} << 20;

template <typename T>
bool Streams(const RubiksPlan<Real<T>>& plan) {
  int64_t bytes = plan.num_clips * plan.channels * static_cast<int64_t>(sizeof(T));
  for (const auto& axis : plan.axes) bytes *= axis.output_length;
  return bytes >= kStreamedBytes;
}

// Past the caches: without it the processor first reads from memory what is to be overwritten.
void StreamBytes(const char* source, char* target, int64_t bytes) {
#if defined(__x86_64__)
  constexpr int64_t kLine = 64;
  const int64_t head = std::min<int64_t>(-reinterpret_cast<intptr_t>(target) & (kLine - 1), bytes);
  std::memcpy(target, source, head);
  source += head, target += head, bytes -= head;
  for (; bytes >= kLine; bytes -= kLine, source += kLine, target += kLine) {
    for (int64_t i = 0; i < kLine; i += sizeof(__m128i)) {
      const auto* from = reinterpret_cast<const __m128i*>(source + i);
      _mm_stream_si128(reinterpret_cast<__m128i*>(target + i), _mm_loadu_si128(from));
    }
  }
#endif
  std::memcpy(target, source, bytes);
}

// Where rows of the output go: `pixels` is row `first_row` of frame 0.
template <typename T>
struct FrameRows {
  T* pixels;
  int64_t frame_pitch;
  int64_t first_row;
};

// Rows of a clip, for one chunk of channels: vertically, horizontally and in time, one tile of
// pixels after the other, so that what lies between the blends stays in the nearest cache.
template <int kLanes, typename T>
class Forward {
 public:
  using R = Real<T>;

  Forward(const RubiksPlan<R>& plan, const T* x, bool streams)
      : plan_(plan),
        time_(plan.axes[kTime]),
        vertical_(plan.axes[kVertical]),
        horizontal_(plan.axes[kHorizontal]),
        x_(x),
        x_row_(horizontal_.length * plan.channels),
        y_row_(horizontal_.output_length * plan.channels),
        streams_(streams) {}

  void Rows(int64_t clip, const ChannelChunk& chunk, int64_t first_row, int64_t last_row,
            const FrameRows<T>& y) {
    chunk_ = &chunk;
    width_ = chunk.blocks.channels;
    x_clip_ = x_ + clip * time_.length * vertical_.length * x_row_ + chunk.first_channel;
    y_ = y;
    y_.pixels += chunk.first_channel;
    const int64_t tile = std::min(plan_.TilePixels(chunk), horizontal_.output_length);
    const int64_t reach = horizontal_.value.highest - horizontal_.value.lowest;
    row_.resize(((tile - 1) * horizontal_.stride + reach + 1) * width_);
    frames_.resize(time_.identity ? 0 : time_.length * tile * width_);
    streamed_.resize(streams_ && width_ == plan_.channels ? tile * width_ : 0);
    frame_pitch_ = from_x() ? vertical_.length * x_row_ : tile * width_;
    TapsOfAnyOutput(horizontal_.value, horizontal_.value.coefficients.data(), chunk, width_,
                    &horizontal_taps_);
    time_taps_.resize(time_.output_length);
    for (int64_t t = 0; t < time_.output_length; ++t) {
      TapsOfOutput(time_, time_.value, time_.value.coefficients.data(), chunk, t, frame_pitch_,
                   &time_taps_[t]);
    }
    for (int64_t w = 0; w < horizontal_.output_length; w += tile) {
      Tile(w, std::min(w + tile, horizontal_.output_length), first_row, last_row);
    }
  }

 private:
  // Whether the blend in time reads x itself.
  bool from_x() const { return vertical_.identity && horizontal_.identity; }

  void Tile(int64_t begin, int64_t end, int64_t first_row, int64_t last_row) {
    const int64_t count = end - begin;
    // The row that the horizontal blend reads, with zeros where it goes beyond the map.
    const int64_t origin = begin * horizontal_.stride + horizontal_.value.lowest;
    const int64_t origin_end = (end - 1) * horizontal_.stride + horizontal_.value.highest + 1;
    const int64_t inside = std::max<int64_t>(origin, 0);
    const int64_t inside_end = std::min(origin_end, horizontal_.length);
    ClearOutside(row_.data(), origin, origin_end - origin, 0, horizontal_.length, width_);

    for (int64_t h = first_row; h < last_row; ++h) {
      TapsOfOutput(vertical_, vertical_.value, vertical_.value.coefficients.data(), *chunk_, h,
                   x_row_, &vertical_taps_);
      for (int64_t t = 0; t < time_.length; ++t) {
        const T* frame = x_clip_ + t * vertical_.length * x_row_;
        if (horizontal_.identity) {
          if (!time_.identity && from_x()) break;
          BlendFrame(frame + begin * plan_.channels, plan_.channels, vertical_taps_, t, h, begin,
                     count);
          continue;
        }
        Blend<kLanes, T, R>({frame + inside * plan_.channels, plan_.channels}, vertical_taps_,
                            {row_.data() + (inside - origin) * width_, width_}, chunk_->blocks,
                            inside_end - inside);
        BlendFrame(row_.data() - horizontal_.value.lowest * width_, horizontal_.stride * width_,
                   horizontal_taps_, t, h, begin, count);
      }
      if (time_.identity) continue;
      for (int64_t t = 0; t < time_.output_length; ++t) {
        if (from_x()) {
          const T* row = x_clip_ + h * x_row_ + begin * plan_.channels;
          BlendOutput(row, plan_.channels, time_taps_[t], t, h, begin, count);
        } else {
          BlendOutput(frames_.data(), width_, time_taps_[t], t, h, begin, count);
        }
      }
    }
  }

  // The last blend in space, into y where none in time follows.
  template <typename In>
  void BlendFrame(const In* input, int64_t pitch, const TapTable<const R>& taps, int64_t t,
                  int64_t h, int64_t begin, int64_t count) {
    if (time_.identity) {
      BlendOutput(input, pitch, taps, t, h, begin, count);
    } else {
      Blend<kLanes, In, R>({input, pitch}, taps, {frames_.data() + t * frame_pitch_, width_},
                           chunk_->blocks, count);
    }
  }

  template <typename In>
  void BlendOutput(const In* input, int64_t pitch, const TapTable<const R>& taps, int64_t t,
                   int64_t h, int64_t begin, int64_t count) {
    T* output =
        y_.pixels + t * y_.frame_pitch + (h - y_.first_row) * y_row_ + begin * plan_.channels;
    if (streamed_.empty()) {
      Blend<kLanes, In, T>({input, pitch}, taps, {output, plan_.channels}, chunk_->blocks, count);
      return;
    }
    Blend<kLanes, In, T>({input, pitch}, taps, {streamed_.data(), width_}, chunk_->blocks, count);
    StreamBytes(reinterpret_cast<const char*>(streamed_.data()), reinterpret_cast<char*>(output),
                count * width_ * sizeof(T));
  }

  const RubiksPlan<R>& plan_;
  const RubiksAxis<R>& time_;
  const RubiksAxis<R>& vertical_;
  const RubiksAxis<R>& horizontal_;
  const T* x_;
  int64_t x_row_;  // elements of a row of the map
  int64_t y_row_;
  bool streams_;

  const ChannelChunk* chunk_;
  int64_t width_;  // channels of the chunk
  const T* x_clip_;
  FrameRows<T> y_;
  int64_t frame_pitch_;  // from frame to frame of what the blend in time reads
  std::vector<R> row_;
  std::vector<R> frames_;
  std::vector<T> streamed_;  // a tile of y, where it is written past the caches
  TapTable<const R> vertical_taps_;
  TapTable<const R> horizontal_taps_;
  std::vector<TapTable<const R>> time_taps_;
};

// The same for taps -1, 0 and 1: a row of all frames at once.
template <int kLanes, typename T>
class NearForward {
 public:
  using R = Real<T>;

  NearForward(const RubiksPlan<R>& plan, const T* x, bool streams)
      : plan_(plan),
        time_(plan.axes[kTime]),
        vertical_(plan.axes[kVertical]),
        horizontal_(plan.axes[kHorizontal]),
        x_(x),
        x_row_(horizontal_.length * plan.channels),
        y_row_(horizontal_.output_length * plan.channels),
        tile_pixels_(NearTilePixels<T>(time_.length, plan.channels)),
        tile_(plan.chunks.size() == 1 && streams ? time_.length * tile_pixels_ * plan.channels
                                                 : 0) {}

  void Rows(int64_t clip, const ChannelChunk& chunk, int64_t first_row, int64_t last_row,
            const FrameRows<T>& y) {
    const T* x_clip = x_ + clip * time_.length * vertical_.length * x_row_;
    const int64_t tile_frame = tile_pixels_ * plan_.channels;
    for (int64_t begin = 0; begin < horizontal_.output_length; begin += tile_pixels_) {
      const int64_t end = std::min(begin + tile_pixels_, horizontal_.output_length);
      for (int64_t h = first_row; h < last_row; ++h) {
        T* output = y.pixels + (h - y.first_row) * y_row_ + begin * plan_.channels;
        if (tile_.empty()) {
          Pixels(x_clip, chunk, h, begin, end, output, y.frame_pitch);
          continue;
        }
        Pixels(x_clip, chunk, h, begin, end, tile_.data(), tile_frame);
        for (int64_t t = 0; t < time_.length; ++t) {
          StreamBytes(reinterpret_cast<const char*>(tile_.data() + t * tile_frame),
                      reinterpret_cast<char*>(output + t * y.frame_pitch),
                      (end - begin) * plan_.channels * sizeof(T));
        }
      }
    }
  }

 private:
  // `output` is where pixel `begin` goes.
  void Pixels(const T* x_clip, const ChannelChunk& chunk, int64_t h, int64_t begin, int64_t end,
              T* output, int64_t frame_pitch) {
    const NearStride stride = horizontal_.stride == 2 ? NearStride::kTwo : NearStride::kOne;
    for (int64_t block = chunk.first_block; block < chunk.last_block; ++block) {
      const int64_t channel =
          chunk.first_channel + chunk.blocks.first_channel(block - chunk.first_block);
      const int64_t at = block * kNearTaps * kLanes;
      NearRow<const T> rows[kNearTaps];
      NearRows(
          x_clip + channel, x_row_, vertical_.length, plan_.channels,
          [&](int64_t tap, int64_t* row) {
            *row = h * vertical_.stride + tap;
            return true;
          },
          rows);
      BlendNear<kLanes>(rows, horizontal_.length, time_.length,
                        {plan_.rows == 3 ? &time_.value.near[at] : nullptr,
                         &vertical_.value.near[at], &horizontal_.value.near[at]},
                        stride, begin, end, {output + channel, plan_.channels, frame_pitch});
    }
  }

  const RubiksPlan<R>& plan_;
  const RubiksAxis<R>& time_;
  const RubiksAxis<R>& vertical_;
  const RubiksAxis<R>& horizontal_;
  const T* x_;
  int64_t x_row_;  // elements of a row of the map
  int64_t y_row_;
  int64_t tile_pixels_;
  std::vector<T> tile_;  // of y, where it is written past the caches
};

// Calls use(pass), a NearForward or a Forward, as the plan wants it.
template <int kLanes, typename T, typename Use>
void UsePass(const RubiksPlan<Real<T>>& plan, const T* x, bool streams, Use use) {
  if constexpr (kLanes > 1) {
    if (plan.near_values) {
      NearForward<kLanes, T> pass(plan, x, streams);
      return use(pass);
    }
  }
  Forward<kLanes, T> pass(plan, x, streams);
  use(pass);
}

}  // namespace

template <int kLanes, typename T>
void RubiksForward(const RubiksPlan<Real<T>>& plan, const T* x, T* y, int64_t first, int64_t last) {
  const int64_t height = plan.axes[kVertical].output_length;
  const int64_t frame = height * plan.axes[kHorizontal].output_length * plan.channels;
  const int64_t num_chunks = plan.chunks.size();
  UsePass<kLanes>(plan, x, Streams<T>(plan), [&](auto& pass) {
    while (first < last) {
      const int64_t clip_and_chunk = first / height, row = first % height;
      const int64_t last_row = std::min(height, row + last - first);
      const int64_t clip = clip_and_chunk / num_chunks;
      pass.Rows(clip, plan.chunks[clip_and_chunk % num_chunks], row, last_row,
                {y + clip * plan.axes[kTime].output_length * frame, frame, 0});
      first += last_row - row;
    }
  });
#if defined(__x86_64__)
  _mm_sfence();
#endif
}

template <int kLanes, typename T>
void RubiksForwardBand(const RubiksPlan<Real<T>>& plan, const T* x, int64_t clip, int64_t first_row,
                       int64_t last_row, int64_t first_chunk, int64_t last_chunk, T* band) {
  const int64_t row = plan.axes[kHorizontal].output_length * plan.channels;
  const FrameRows<T> output = {band, (last_row - first_row) * row, first_row};
  UsePass<kLanes>(plan, x, false, [&](auto& pass) {
    for (int64_t chunk = first_chunk; chunk < last_chunk; ++chunk) {
      pass.Rows(clip, plan.chunks[chunk], first_row, last_row, output);
    }
  });
}

#define INSTANTIATE(LANES, T)                                                              \
  template void RubiksForward<LANES, T>(const RubiksPlan<Real<T>>&, const T*, T*, int64_t, \
                                        int64_t);                                          \
  template void RubiksForwardBand<LANES, T>(const RubiksPlan<Real<T>>&, const T*, int64_t, \
                                            int64_t, int64_t, int64_t, int64_t, T*)

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
