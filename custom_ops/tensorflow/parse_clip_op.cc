#include <algorithm>
#include <cstdint>
#include <limits>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "tensorflow/core/example/example.pb.h"
#include "tensorflow/core/framework/op.h"
#include "tensorflow/core/framework/op_kernel.h"
#include "tensorflow/core/framework/shape_inference.h"

namespace gsf_tf {
namespace {

using tensorflow::shape_inference::InferenceContext;
using tensorflow::shape_inference::ShapeHandle;

absl::Status InferShape(InferenceContext* context) {
  ShapeHandle unused;
  TF_RETURN_IF_ERROR(context->WithRank(context->input(0), 0, &unused));
  std::vector<std::string> keys;
  TF_RETURN_IF_ERROR(context->GetAttr("label_keys", &keys));
  const ShapeHandle frames = context->Vector(context->UnknownDim());
  context->set_output(0, context->Scalar());
  context->set_output(1, context->Vector(2));
  context->set_output(2, context->Vector(static_cast<int64_t>(keys.size())));
  context->set_output(3, frames);
  context->set_output(4, frames);
  context->set_output(5, context->Scalar());
  return absl::OkStatus();
}

}  // namespace

REGISTER_OP("GsfTf>ParseClip")
    .Input("record: string")
    .Output("media_id: string")
    .Output("frame_size: int32")
    .Output("labels: int32")
    .Output("offset: int32")
    .Output("size: int32")
    .Output("good: bool")
    .Attr("label_keys: list(string) >= 1")
    .Attr("label_limits: list(int) >= 1")
    .Attr("max_frame_pixels: int >= 1")
    .SetShapeFn(InferShape)
    .Doc(R"doc(
Reads what a pipeline needs of a clip's record, frames left where they are.

record: A serialized SequenceExample by the keys of MediaSequence, its context first.
media_id: The clip's name.
frame_size: [2], height and width of the frames.
labels: An int32 per label key.
offset: [N], where each JPEG begins in the record.
size: [N], bytes of each.
good: Whether the record keeps all rules. Where it does not, the other outputs are those of a clip
  of a single empty frame of one pixel.
label_keys: Keys of the labels in the context.
label_limits: For each label the number of classes, which it must be below.
max_frame_pixels: Height times width must not be more.
)doc");

namespace {

struct Clip {
  std::string media_id;
  int64_t height = 1, width = 1;
  std::vector<int64_t> labels, offset = {0}, size = {0};
};

// The context is the first field: a tag, its length as a varint, itself.
bool FindContext(absl::string_view record, int64_t& begin, int64_t& end) {
  uint64_t length = 0;
  size_t place = 1;
  for (int shift = 0; place < record.size() && shift < 35; shift += 7) {
    const uint8_t byte = static_cast<uint8_t>(record[place++]);
    length |= static_cast<uint64_t>(byte & 127) << shift;
    if (byte < 128) {
      begin = static_cast<int64_t>(place);
      end = begin + static_cast<int64_t>(length);
      return record[0] == '\x0a' && end <= static_cast<int64_t>(record.size());
    }
  }
  return false;
}

const tensorflow::Feature* Find(const tensorflow::Features& context, const std::string& key) {
  const auto found = context.feature().find(key);
  return found == context.feature().end() ? nullptr : &found->second;
}

bool GetInteger(const tensorflow::Features& context, const std::string& key, int64_t& value) {
  const tensorflow::Feature* feature = Find(context, key);
  if (!feature || feature->int64_list().value_size() != 1) return false;
  value = feature->int64_list().value(0);
  return true;
}

bool GetString(const tensorflow::Features& context, const std::string& key, std::string& value) {
  const tensorflow::Feature* feature = Find(context, key);
  if (!feature || feature->bytes_list().value_size() != 1) return false;
  value = feature->bytes_list().value(0);
  return true;
}

bool GetIntegers(const tensorflow::Features& context, const std::string& key,
                 std::vector<int64_t>& values) {
  values.clear();
  const tensorflow::Feature* feature = Find(context, key);
  if (!feature || feature->kind_case() == tensorflow::Feature::KIND_NOT_SET) return true;
  if (feature->kind_case() != tensorflow::Feature::kInt64List) return false;
  values.assign(feature->int64_list().value().begin(), feature->int64_list().value().end());
  return true;
}

// A record of the first format does not say where its frames are.
bool FindFrames(absl::string_view record, Clip& clip) {
  tensorflow::SequenceExample example;
  if (!example.ParseFromArray(record.data(), static_cast<int>(record.size()))) return false;
  const auto& lists = example.feature_lists().feature_list();
  const auto frames = lists.find("image/encoded");
  if (frames == lists.end()) return false;
  size_t end = 0;
  for (const tensorflow::Feature& feature : frames->second.feature()) {
    if (feature.bytes_list().value_size() != 1) return false;
    const std::string& jpeg = feature.bytes_list().value(0);
    const size_t start = record.find(jpeg, end);
    if (start == absl::string_view::npos) return false;
    end = start + jpeg.size();
    clip.offset.push_back(static_cast<int64_t>(start));
    clip.size.push_back(static_cast<int64_t>(jpeg.size()));
  }
  return true;
}

bool Parse(absl::string_view record, const std::vector<std::string>& label_keys, Clip& clip) {
  int64_t begin, end;
  tensorflow::Features context;
  if (record.size() > std::numeric_limits<int32_t>::max() || !FindContext(record, begin, end) ||
      !context.ParseFromArray(record.data() + begin, static_cast<int>(end - begin)) ||
      !GetString(context, "clip/media_id", clip.media_id) ||
      !GetInteger(context, "image/height", clip.height) ||
      !GetInteger(context, "image/width", clip.width) ||
      !GetIntegers(context, "gsf_tf/frame_offset", clip.offset) ||
      !GetIntegers(context, "gsf_tf/frame_size", clip.size)) {
    return false;
  }
  for (size_t i = 0; i < label_keys.size(); ++i) {
    if (!GetInteger(context, label_keys[i], clip.labels[i])) return false;
  }
  if (clip.offset.empty() && clip.size.empty()) return FindFrames(record, clip);
  for (int64_t& offset : clip.offset) {
    if (offset > static_cast<int64_t>(record.size())) return false;
    offset += end;
  }
  return true;
}

bool KeepsRules(const Clip& clip, int64_t record_bytes, const std::vector<int64_t>& label_limits,
                int64_t max_frame_pixels) {
  bool good = clip.height > 0 && clip.width > 0 && clip.height <= max_frame_pixels &&
              clip.width <= max_frame_pixels / clip.height && !clip.offset.empty() &&
              clip.offset.size() == clip.size.size();
  for (size_t i = 0; i < clip.labels.size(); ++i) {
    good = good && clip.labels[i] >= 0 && clip.labels[i] < label_limits[i];
  }
  for (size_t i = 0; good && i < clip.offset.size(); ++i) {
    good = clip.offset[i] >= 0 && clip.offset[i] <= record_bytes && clip.size[i] >= 0 &&
           clip.size[i] <= record_bytes - clip.offset[i];
  }
  return good;
}

class ParseClipOp : public tensorflow::OpKernel {
 public:
  explicit ParseClipOp(tensorflow::OpKernelConstruction* context) : tensorflow::OpKernel(context) {
    OP_REQUIRES_OK(context, context->GetAttr("label_keys", &label_keys_));
    OP_REQUIRES_OK(context, context->GetAttr("label_limits", &label_limits_));
    OP_REQUIRES_OK(context, context->GetAttr("max_frame_pixels", &max_frame_pixels_));
    OP_REQUIRES(context, label_keys_.size() == label_limits_.size(),
                absl::InvalidArgumentError(absl::StrCat(
                    "There must be a limit per label key. Received: ", label_keys_.size(),
                    " keys and ", label_limits_.size(), " limits.")));
  }

  void Compute(tensorflow::OpKernelContext* context) override {
    OP_REQUIRES(context, context->input(0).dims() == 0,
                absl::InvalidArgumentError(
                    absl::StrCat("record must be a scalar. Received: a record of shape ",
                                 context->input(0).shape().DebugString(), ".")));
    Clip clip;
    clip.labels.resize(label_keys_.size());
    const tensorflow::tstring& record = context->input(0).scalar<tensorflow::tstring>()();
    const bool good =
        Parse(record, label_keys_, clip) &&
        KeepsRules(clip, static_cast<int64_t>(record.size()), label_limits_, max_frame_pixels_);
    if (!good) {
      clip = Clip();
      clip.labels.resize(label_keys_.size());
    }
    tensorflow::Tensor* media_id = nullptr;
    tensorflow::Tensor* is_good = nullptr;
    OP_REQUIRES_OK(context, context->allocate_output(0, {}, &media_id));
    media_id->scalar<tensorflow::tstring>()() = clip.media_id;
    OP_REQUIRES_OK(context, Write(context, 1, {clip.height, clip.width}));
    OP_REQUIRES_OK(context, Write(context, 2, clip.labels));
    OP_REQUIRES_OK(context, Write(context, 3, clip.offset));
    OP_REQUIRES_OK(context, Write(context, 4, clip.size));
    OP_REQUIRES_OK(context, context->allocate_output(5, {}, &is_good));
    is_good->scalar<bool>()() = good;
  }

 private:
  static absl::Status Write(tensorflow::OpKernelContext* context, int output,
                            const std::vector<int64_t>& values) {
    tensorflow::Tensor* tensor = nullptr;
    TF_RETURN_IF_ERROR(
        context->allocate_output(output, {static_cast<int64_t>(values.size())}, &tensor));
    std::copy(values.begin(), values.end(), tensor->flat<int32_t>().data());
    return absl::OkStatus();
  }

  std::vector<std::string> label_keys_;
  std::vector<int64_t> label_limits_;
  int64_t max_frame_pixels_;
};

REGISTER_KERNEL_BUILDER(Name("GsfTf>ParseClip").Device(tensorflow::DEVICE_CPU), ParseClipOp);

}  // namespace
}  // namespace gsf_tf
