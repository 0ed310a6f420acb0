"""The normalizations that backbones were trained with, in units of 0..255.

Each is a dictionary of arguments of `ClipNormalization`.
"""

# torchvision's ResNets; DenseNet, ConvNeXt, EfficientNet and EfficientNetV2-B of Keras: x / 255,
# then these means and deviations times 255.
IMAGENET_RGB = {
    "mean": (123.675, 116.28, 103.53),
    "std": (58.395, 57.12, 57.375),
    "channel_order": "rgb",
}

# keras.applications.mobilenet_v2, mobilenet_v3 and resnet_v2: x / 127.5 - 1.
MINUS_ONE_TO_ONE = {
    "mean": (127.5, 127.5, 127.5),
    "std": (127.5, 127.5, 127.5),
    "channel_order": "rgb",
}

# keras.applications.EfficientNetV2S: x / 128 - 1.
OFFSET_128 = {"mean": (128, 128, 128), "std": (128, 128, 128), "channel_order": "rgb"}

# EfficientNet-Lite: (x - 127) / 128.
LITE = {"mean": (127, 127, 127), "std": (128, 128, 128), "channel_order": "rgb"}

# The Inception networks converted from Caffe: no division.
CAFFE_BGR = {"mean": (104, 117, 128), "std": (1, 1, 1), "channel_order": "bgr"}
