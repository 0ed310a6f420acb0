"""The published files with ImageNet weights of the papers' backbones.

The hashes of torchvision's files and of BN-Inception are complete, and begin with the digits in the
names of the files. Of InceptionV3, only the digits in its name are known.
"""

from gsf_tf.weights.weight_file import WeightFile


def _torchvision(name, sha256):
    url = f"https://download.pytorch.org/models/{name}-{sha256[:8]}.pth"
    return WeightFile(url, sha256, "BSD-3-Clause", "torchvision's `.pth`")


# By the name of the backbone. torchvision calls these weights IMAGENET1K_V1; those that the papers
# started from have the same values.
IMAGENET_FILES: dict[str, WeightFile] = {
    "resnet18": _torchvision(
        "resnet18", "f37072fd47e89c5e827621c5baffa7500819f7896bbacec160b1a16c560e07ec"
    ),
    "resnet34": _torchvision(
        "resnet34", "b627a593bcbe140c234610266fe4f8ae95ea42fc881d091c9b6052e6b1d0590f"
    ),
    "resnet50": _torchvision(
        "resnet50", "0676ba61b6795bbe1773cffd859882e5e297624d384b6993f7c9e683e722fb8a"
    ),
    "resnet101": _torchvision(
        "resnet101", "63fe2227b86e8f1f2063f43a75c84d195911b6a0eace650907dd3dc62dd49a0a"
    ),
    # As Cadene's pretrained-models.pytorch distributes the BN-Inception of Xiong et al., which was
    # trained in Caffe.
    "bninception": WeightFile(
        "http://data.lip6.fr/cadene/pretrainedmodels/bn_inception-52deb4733.pth",
        "52deb473314542a5c2f87e9e6f26f4ca42fe863d15f986414dbae8c2dfdd2353",
        "BSD-2-Clause",
        "tsn-pytorch's `.pth`",
    ),
    # The one that the code of GSF downloads.
    "inceptionv3": WeightFile(
        "https://yjxiong.blob.core.windows.net/models/inceptionv3-cuhk-0e09b300b493bc74c.pth",
        "0e09b300b493bc74c",
        "BSD-2-Clause",
        "tsn-pytorch's `.pth`",
    ),
}
