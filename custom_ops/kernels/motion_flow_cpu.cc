#include "custom_ops/kernels/motion_flow_passes.h"

namespace gsf_tf {
namespace motion_flow {
namespace {

template <typename T>
struct Widening {
  const T* source;
  Real<T>* target;

  template <int kLanes>
  GSF_INLINE void Block(int64_t i) {
    Vector<Real<T>, kLanes> values;
    Load<kLanes>(source + i, values);
    Store<kLanes>(values, target + i);
  }
};

struct NormalizePass {
  template <int kBytes, typename T>
  static GSF_INLINE void Run(const Flow<T>& f, int64_t first, int64_t last) {
    using R = Real<T>;
    constexpr int kLanes = kBytes / sizeof(R);
    using V = Vector<R, kLanes>;
    const Sizes& s = f.sizes;
    const int64_t elements = s.width * s.channels;
    const auto row = Buffer<R>(elements);
    for (int64_t unit = first; unit < last; ++unit) {
      Widening<T> widening = {f.x + unit * elements, row.get()};
      ForBlocks<kLanes>(widening, elements);
      R* const features = f.Row(0, unit);
      R* const lengths = f.lengths + unit * s.padded;
      for (int64_t c = 0; c < s.channels; ++c) {
        R* const target = features + c * s.pitch;
        std::fill(target - s.side, target, R{0});
        for (int64_t w = 0; w < s.width; ++w) target[w] = row[w * s.channels + c];
        std::fill(target + s.width, target + s.padded + s.side, R{0});
      }
      for (int64_t w = 0; w < s.padded; w += kLanes) {
        V sum = {};
        for (int64_t c = 0; c < s.channels; ++c) {
          V value;
          Load<kLanes>(features + c * s.pitch + w, value);
          sum += value * value;
        }
        R roots[kLanes];
        Store<kLanes>(sum, roots);
        for (R& root : roots) root = std::sqrt(root + static_cast<R>(kEpsilon));
        V length;
        Load<kLanes>(roots, length);
        Store<kLanes>(length, lengths + w);
        for (int64_t c = 0; c < s.channels; ++c) {
          V value;
          Load<kLanes>(features + c * s.pitch + w, value);
          Store<kLanes>(value / length, features + c * s.pitch + w);
        }
      }
    }
  }
};

// Calls use(element) with a value of the element type.
template <typename Use>
auto UseType(const gsf_motion_flow_shape* shape, Use use) {
  switch (shape->dtype) {
    case GSF_BFLOAT16:
      return use(Bfloat16{});
    case GSF_FLOAT16:
      return use(Float16{});
    case GSF_FLOAT64:
      return use(double{});
    default:
      return use(float{});
  }
}

}  // namespace

GSF_DEFINE_PASS(Normalize, Flow);

}  // namespace motion_flow
}  // namespace gsf_tf

using gsf_tf::motion_flow::Flow;

int64_t gsf_motion_flow_workspace_cpu(const gsf_motion_flow_shape* shape) {
  return gsf_tf::motion_flow::UseType(shape, [&](auto element) {
    return Flow<decltype(element)>(*shape, nullptr).workspace_bytes;
  });
}

void gsf_motion_flow_normalize_cpu(const void* x, void* workspace,
                                   const gsf_motion_flow_shape* shape, int64_t first,
                                   int64_t last) {
  gsf_tf::motion_flow::UseType(shape, [&](auto element) {
    using T = decltype(element);
    Flow<T> flow(*shape, workspace);
    flow.x = static_cast<const T*>(x);
    gsf_tf::motion_flow::Normalize(flow, first, last);
  });
}

void gsf_motion_flow_cpu(const void* workspace, void* y, void* saved,
                         const gsf_motion_flow_shape* shape, int64_t first, int64_t last) {
  gsf_tf::motion_flow::UseType(shape, [&](auto element) {
    using T = decltype(element);
    Flow<T> flow(*shape, const_cast<void*>(workspace));
    flow.y = static_cast<T*>(y);
    flow.saved = static_cast<gsf_tf::Real<T>*>(saved);
    gsf_tf::motion_flow::Match(flow, first, last);
  });
}

void gsf_motion_flow_gradient_cpu(const void* workspace, const void* saved, const void* y_gradient,
                                  void* x_gradient, const gsf_motion_flow_shape* shape,
                                  int64_t first, int64_t last) {
  gsf_tf::motion_flow::UseType(shape, [&](auto element) {
    using T = decltype(element);
    Flow<T> flow(*shape, const_cast<void*>(workspace));
    flow.saved = static_cast<gsf_tf::Real<T>*>(const_cast<void*>(saved));
    flow.y_gradient = static_cast<const T*>(y_gradient);
    flow.x_gradient = static_cast<T*>(x_gradient);
    gsf_tf::motion_flow::Gradient(flow, first, last);
  });
}
