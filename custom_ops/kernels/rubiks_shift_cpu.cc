#include "custom_ops/kernels/rubiks_shift_kernels.h"
#include "custom_ops/kernels/rubiks_shift_types.h"

namespace {

using gsf_tf::ForLanes;
using gsf_tf::kWide;
using gsf_tf::RubiksPlan;
using gsf_tf::UsePlan;
using gsf_tf::UseType;

template <typename R>
void AddPartialSums(const RubiksPlan<R>& plan, const double* partial_sums, R* shift_gradient) {
  const int64_t skipped = (3 - plan.rows) * plan.channels;
  const int64_t count = 3 * plan.channels;
  std::vector<double> sums(count);
  for (int64_t bands = plan.num_bands(); bands > 0; --bands, partial_sums += count) {
    for (int64_t i = 0; i < count; ++i) sums[i] += partial_sums[i];
  }
  std::copy(sums.begin() + skipped, sums.end(), shift_gradient);
}

}  // namespace

gsf_rubiks_shift_plan* gsf_rubiks_shift_new_plan_cpu(const void* shift,
                                                     const gsf_rubiks_shift_shape* shape,
                                                     int32_t gradient) {
  auto plan = std::make_unique<gsf_rubiks_shift_plan>();
  plan->dtype = shape->dtype;
  if (shape->dtype == GSF_FLOAT64) {
    plan->twice = std::make_unique<RubiksPlan<double>>(*shape, static_cast<const double*>(shift),
                                                       gradient != 0);
  } else {
    plan->single = std::make_unique<RubiksPlan<float>>(*shape, static_cast<const float*>(shift),
                                                       gradient != 0);
  }
  return plan.release();
}

void gsf_rubiks_shift_delete_plan_cpu(gsf_rubiks_shift_plan* plan) { delete plan; }

int64_t gsf_rubiks_shift_units_cpu(const gsf_rubiks_shift_plan* plan) {
  return UsePlan(plan, [](const auto& plan) {
    return plan.num_clips * static_cast<int64_t>(plan.chunks.size()) *
           plan.axes[gsf_tf::kVertical].output_length;
  });
}

void gsf_rubiks_shift_cpu(const void* x, void* y, const gsf_rubiks_shift_plan* plan, int64_t first,
                          int64_t last) {
  UseType(plan, [&](const auto& plan, auto element) {
    using T = decltype(element);
    const auto forward =
        ForLanes<T>(plan, gsf_tf::RubiksForward<kWide<T>, T>,
                    gsf_tf::RubiksForward<kWide<T> / 2, T>, gsf_tf::RubiksForward<1, T>);
    forward(plan, static_cast<const T*>(x), static_cast<T*>(y), first, last);
  });
}

int64_t gsf_rubiks_shift_gradient_units_cpu(const gsf_rubiks_shift_plan* plan) {
  return UsePlan(plan, [](const auto& plan) {
    return plan.num_bands() * static_cast<int64_t>(plan.chunks.size());
  });
}

int64_t gsf_rubiks_shift_gradient_sums_cpu(const gsf_rubiks_shift_plan* plan) {
  return UsePlan(plan, [](const auto& plan) { return plan.num_bands() * 3 * plan.channels; });
}

void gsf_rubiks_shift_gradient_cpu(const void* x, const void* y_gradient, void* x_gradient,
                                   double* partial_sums, const gsf_rubiks_shift_plan* plan,
                                   int64_t first, int64_t last) {
  UseType(plan, [&](const auto& plan, auto element) {
    using T = decltype(element);
    const auto gradient =
        ForLanes<T>(plan, gsf_tf::RubiksGradient<kWide<T>, T>,
                    gsf_tf::RubiksGradient<kWide<T> / 2, T>, gsf_tf::RubiksGradient<1, T>);
    gradient(plan, static_cast<const T*>(x), static_cast<const T*>(y_gradient),
             static_cast<T*>(x_gradient), partial_sums, first, last);
  });
}

void gsf_rubiks_shift_add_sums_cpu(const double* partial_sums, void* shift_gradient,
                                   const gsf_rubiks_shift_plan* plan) {
  if (plan->twice) {
    AddPartialSums(*plan->twice, partial_sums, static_cast<double*>(shift_gradient));
  } else {
    AddPartialSums(*plan->single, partial_sums, static_cast<float*>(shift_gradient));
  }
}
