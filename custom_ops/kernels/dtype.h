// Element types of the kernels.

#ifndef GSF_TF_CUSTOM_OPS_KERNELS_DTYPE_H_
#define GSF_TF_CUSTOM_OPS_KERNELS_DTYPE_H_

// The two 16-bit types are computed in float32 and rounded once.
enum gsf_dtype { GSF_FLOAT32 = 0, GSF_BFLOAT16 = 1, GSF_FLOAT16 = 2, GSF_FLOAT64 = 3 };

#endif  // GSF_TF_CUSTOM_OPS_KERNELS_DTYPE_H_
