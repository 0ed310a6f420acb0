// What passes over a tensor on the CPU share: parts of a workspace, the choice of the instruction
// set, and loops over neighboring elements.

#ifndef GSF_TF_CUSTOM_OPS_KERNELS_CPU_PASSES_H_
#define GSF_TF_CUSTOM_OPS_KERNELS_CPU_PASSES_H_

#include <cstdint>
#include <memory>

#include "custom_ops/kernels/half_precision.h"
#include "custom_ops/kernels/instruction_sets.h"

namespace gsf_tf {

// Hands out parts of the workspace; from address zero on it counts how long it has to be.
class Arena {
 public:
  explicit Arena(void* workspace) : start_(static_cast<char*>(workspace)) {}

  template <typename T>
  T* Take(int64_t count) {
    T* part = start_ ? reinterpret_cast<T*>(start_ + size_) : nullptr;
    size_ += (count * static_cast<int64_t>(sizeof(T)) + 63) / 64 * 64;
    return part;
  }
  int64_t size() const { return size_; }

 private:
  char* start_;
  int64_t size_ = 0;
};

template <typename T>
std::unique_ptr<T[]> Buffer(int64_t count) {
  return std::unique_ptr<T[]>(new T[count]());
}

#ifdef GSF_AVX512
template <typename Pass, typename State>
GSF_AVX512 void RunAvx512(const State& state, int64_t first, int64_t last) {
  Pass::template Run<64>(state, first, last);
}
template <typename Pass, typename State>
GSF_AVX2 void RunAvx2(const State& state, int64_t first, int64_t last) {
  Pass::template Run<32>(state, first, last);
}
#endif

// Pass::Run<bytes of a vector>(state, first, last), compiled for each instruction set. It and all
// that it calls is GSF_INLINE; vectors go by reference, for by value their length would be part of
// the calling convention.
template <typename Pass, typename State>
void RunPass(const State& state, int64_t first, int64_t last) {
#ifdef GSF_AVX512
  switch (VectorBytes()) {
    case 64:
      return RunAvx512<Pass>(state, first, last);
    case 32:
      return RunAvx2<Pass>(state, first, last);
  }
#endif
  Pass::template Run<16>(state, first, last);
}

// NAME(const STATE<T>&, first, last) for every element type.
#define GSF_INSTANTIATE_PASS(NAME, STATE)                                  \
  template void NAME(const STATE<float>&, int64_t first, int64_t last);    \
  template void NAME(const STATE<double>&, int64_t first, int64_t last);   \
  template void NAME(const STATE<Bfloat16>&, int64_t first, int64_t last); \
  template void NAME(const STATE<Float16>&, int64_t first, int64_t last)

// The function NAME, which runs NAMEPass on a STATE<T>, for every element type.
#define GSF_DEFINE_PASS(NAME, STATE)                              \
  template <typename T>                                           \
  void NAME(const STATE<T>& state, int64_t first, int64_t last) { \
    RunPass<NAME##Pass>(state, first, last);                      \
  }                                                               \
  GSF_INSTANTIATE_PASS(NAME, STATE)

// body.Block<lanes>(i) for blocks that make up [0, count): as long as vectors are, then shorter.
template <int kLanes, typename Body>
GSF_INLINE void ForBlocks(Body& body, int64_t count) {
  int64_t i = 0;
  for (; i + kLanes <= count; i += kLanes) body.template Block<kLanes>(i);
  if (kLanes > 4) {
    for (; i + 4 <= count; i += 4) body.template Block<4>(i);
  }
  for (; i < count; ++i) body.template Block<1>(i);
}

}  // namespace gsf_tf

#endif  // GSF_TF_CUSTOM_OPS_KERNELS_CPU_PASSES_H_
