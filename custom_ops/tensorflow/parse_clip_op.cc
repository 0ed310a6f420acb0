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

// Walks over the fields of a message in the wire format of protocol buffers:
// https://protobuf.dev/programming-guides/encoding/
class Fields {
 public:
  explicit Fields(absl::string_view message) : left_(message) {}

  // Reads the next field, or returns false at the end and where the bytes are no field.
  bool Next() {
    uint64_t tag, length = 0;
    if (left_.empty()) return false;
    is_damaged_ = true;
    if (!ReadVarint(tag)) return false;
    number_ = tag >> 3;
    switch (tag & 7) {
      case 0:
        is_message_ = false;
        is_damaged_ = !ReadVarint(length);
        return !is_damaged_;
      case 1:
        length = 8;
        break;
      case 2:
        if (!ReadVarint(length)) return false;
        break;
      case 5:
        length = 4;
        break;
      default:
        return false;
    }
    if (length > left_.size()) return false;
    is_message_ = (tag & 7) == 2;
    content_ = left_.substr(0, length);
    left_.remove_prefix(length);
    is_damaged_ = false;
    return true;
  }

  bool is_damaged() const { return is_damaged_; }
  // Whether the field is a message, or a text, of this number.
  bool Is(uint64_t number) const { return is_message_ && number_ == number; }
  absl::string_view content() const { return content_; }

 private:
  bool ReadVarint(uint64_t& value) {
    value = 0;
    for (int shift = 0; shift < 64 && !left_.empty(); shift += 7) {
      const uint8_t byte = static_cast<uint8_t>(left_.front());
      left_.remove_prefix(1);
      value |= static_cast<uint64_t>(byte & 127) << shift;
      if (byte < 128) return true;
    }
    return false;
  }

  absl::string_view left_, content_;
  uint64_t number_ = 0;
  bool is_message_ = false, is_damaged_ = false;
};

// The content of a message that has a single field, of the number 1.
bool GetOnly(absl::string_view message, absl::string_view& content) {
  Fields fields(message);
  if (!fields.Next() || !fields.Is(1)) return false;
  content = fields.content();
  return !fields.Next() && !fields.is_damaged();
}

// An entry of a map from names to lists.
bool GetEntry(absl::string_view entry, absl::string_view& key, absl::string_view& value) {
  Fields fields(entry);
  int keys = 0, values = 0;
  while (fields.Next()) {
    if (fields.Is(1)) {
      key = fields.content();
      ++keys;
    } else if (fields.Is(2)) {
      value = fields.content();
      ++values;
    }
  }
  return !fields.is_damaged() && keys == 1 && values <= 1;
}

// A record of the first format does not say where its frames are. Each is found where its field is,
// which takes one walk over the record, whatever the frames hold.
bool FindFrames(absl::string_view record, Clip& clip) {
  absl::string_view frames;
  bool has_frames = false;
  Fields parts(record);
  while (parts.Next()) {
    if (!parts.Is(2)) continue;
    Fields lists(parts.content());
    while (lists.Next()) {
      absl::string_view key, value;
      if (!lists.Is(1) || !GetEntry(lists.content(), key, value)) return false;
      if (key != "image/encoded") continue;
      if (has_frames) return false;
      has_frames = true;
      frames = value;
    }
    if (lists.is_damaged()) return false;
  }
  if (parts.is_damaged()) return false;
  Fields features(frames);
  while (features.Next()) {
    absl::string_view bytes_list, jpeg;
    if (!features.Is(1) || !GetOnly(features.content(), bytes_list) || !GetOnly(bytes_list, jpeg)) {
      return false;
    }
    clip.offset.push_back(jpeg.data() - record.data());
    clip.size.push_back(static_cast<int64_t>(jpeg.size()));
  }
  return !features.is_damaged();
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
    const int64_t most =
        std::max(max_frame_pixels_, *std::max_element(label_limits_.begin(), label_limits_.end()));
    OP_REQUIRES(context, most <= std::numeric_limits<int32_t>::max(),
                absl::InvalidArgumentError(absl::StrCat(
                    "label_limits and max_frame_pixels must be numbers of 32 bits. Received: ",
                    most, ".")));
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
