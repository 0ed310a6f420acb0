// Which instruction sets functions are compiled for, beside the one every processor has.

#ifndef GSF_TF_CUSTOM_OPS_KERNELS_INSTRUCTION_SETS_H_
#define GSF_TF_CUSTOM_OPS_KERNELS_INSTRUCTION_SETS_H_

#if defined(__x86_64__)
#define GSF_AVX2 __attribute__((target("avx2,fma")))
#define GSF_AVX512 __attribute__((target("avx512f,avx512bw,avx512dq,avx512vl,avx2,fma")))
#endif

namespace gsf_tf {

// How wide vectors are on this processor, 64 or 32 bytes.
inline int VectorBytes() {
#if defined(__x86_64__)
  static const bool wide = __builtin_cpu_supports("avx512f") &&
                           __builtin_cpu_supports("avx512bw") &&
                           __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512vl");
  if (wide) return 64;
#endif
  return 32;
}

#if defined(__x86_64__)
inline bool HasAvx2() {
  static const bool has = __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma");
  return has;
}
#endif

}  // namespace gsf_tf

#endif  // GSF_TF_CUSTOM_OPS_KERNELS_INSTRUCTION_SETS_H_
