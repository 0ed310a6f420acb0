#include "custom_ops/kernels/instruction_sets.h"

#include <algorithm>
#include <cstdlib>

namespace gsf_tf {

int VectorBytes() {
  static const int bytes = [] {
    int available = 16;
#ifdef GSF_AVX2
    if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma")) available = 32;
    if (available == 32 && __builtin_cpu_supports("avx512f") &&
        __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512dq") &&
        __builtin_cpu_supports("avx512vl")) {
      available = 64;
    }
#endif
    const char* chosen = std::getenv("GSF_TF_CPU_VECTOR_BYTES");
    return chosen ? std::min(available, std::atoi(chosen)) : available;
  }();
  return bytes;
}

}  // namespace gsf_tf
