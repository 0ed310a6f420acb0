// Which instruction sets functions are compiled for, beside the one every processor has, and which
// of them runs.

#ifndef GSF_TF_CUSTOM_OPS_KERNELS_INSTRUCTION_SETS_H_
#define GSF_TF_CUSTOM_OPS_KERNELS_INSTRUCTION_SETS_H_

#if defined(__x86_64__) && defined(__GNUC__)
#define GSF_AVX2 __attribute__((target("avx2,fma")))
#define GSF_AVX512 __attribute__((target("avx512f,avx512bw,avx512dq,avx512vl,avx2,fma")))
#endif

namespace gsf_tf {

// The instruction set by the bytes of its vectors: 64 is AVX-512, 32 AVX2, 16 any other. The
// environment variable GSF_TF_CPU_VECTOR_BYTES, for tests, can only choose fewer than the processor
// has.
int VectorBytes();

}  // namespace gsf_tf

#endif  // GSF_TF_CUSTOM_OPS_KERNELS_INSTRUCTION_SETS_H_
