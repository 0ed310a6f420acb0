// From a plan's dtype and lanes to the types of the templates.

#ifndef GSF_TF_CUSTOM_OPS_KERNELS_RUBIKS_SHIFT_TYPES_H_
#define GSF_TF_CUSTOM_OPS_KERNELS_RUBIKS_SHIFT_TYPES_H_

#include "custom_ops/kernels/rubiks_shift_plan.h"

namespace gsf_tf {

template <typename Use>
auto UsePlan(const gsf_rubiks_shift_plan* plan, Use use) {
  return plan->twice ? use(*plan->twice) : use(*plan->single);
}

// Calls use(plan, element), where `element` is of the type of x.
template <typename Use>
void UseType(const gsf_rubiks_shift_plan* plan, Use use) {
  switch (plan->dtype) {
    case GSF_FLOAT32:
      return use(*plan->single, float{});
    case GSF_BFLOAT16:
      return use(*plan->single, Bfloat16{});
    case GSF_FLOAT16:
      return use(*plan->single, Float16{});
    case GSF_FLOAT64:
      return use(*plan->twice, double{});
  }
}

// The one of three forms that the plan was made for.
template <typename T, typename Function>
Function ForLanes(const RubiksPlan<Real<T>>& plan, Function wide, Function narrow,
                  Function single) {
  const int64_t bytes = plan.lanes * sizeof(Real<T>);
  return bytes == 64 ? wide : bytes == 32 ? narrow : single;
}

template <typename T>
constexpr int kWide = 64 / sizeof(Real<T>);

}  // namespace gsf_tf

#endif  // GSF_TF_CUSTOM_OPS_KERNELS_RUBIKS_SHIFT_TYPES_H_
