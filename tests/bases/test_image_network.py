"""Networks of images in Hugging Face folders: prepared as their processors say, refused where that is not known."""

import io
import json

import numpy as np
import pytest
import torch
import transformers
from PIL import Image

from metier.bases.adaptation import parse_adaptation
from metier.bases.adaptation.adaptation import load_adaptation
from metier.bases.image_base import image_base
from metier.bases.image_network import load_image_network, save_image_network
from metier.bases.known_base import known_base
from metier.bases.known_bases import is_for_reading, is_for_seeing
from metier.errors import BaseModelError, UnknownNameError
from metier.image.picture import Picture

needs_weights = pytest.mark.skipif(
    known_base("efficientnet-lite0").source is None, reason="needs metier[image]"
)


def picture(width=90, height=70):
    noise = np.random.default_rng(1).integers(0, 256, (height // 5, width // 5, 3), dtype=np.uint8)
    written = io.BytesIO()
    Image.fromarray(noise).resize((width, height)).save(written, format="PNG")
    return Picture(written.getvalue(), "a picture")


@pytest.mark.parametrize("kind", ["resnet", "vit", "deit"])
def test_a_folder_sees_and_its_pixels_are_those_of_its_processor(tiny_vision, kind):
    folder = tiny_vision(kind)
    assert is_for_seeing(str(folder))
    assert not is_for_reading(str(folder))
    network = load_image_network(image_base(str(folder)))
    processor = transformers.AutoImageProcessor.from_pretrained(folder, backend="pil")
    for one in (picture(), picture(64, 200)):
        given = processor(Image.open(io.BytesIO(one.source)), return_tensors="np")["pixel_values"][0]
        found = network.preparation.normalised(network.preparation.pixels(one)).transpose(2, 0, 1)
        np.testing.assert_allclose(found, given, atol=0.03)


@pytest.mark.parametrize("kind", ["resnet", "vit"])
def test_vectors_are_those_of_the_model(tiny_vision, kind):
    folder = tiny_vision(kind)
    network = load_image_network(image_base(str(folder)))
    pixels = torch.from_numpy(network.preparation.pixels(picture())[None].copy())
    scaled = torch.from_numpy(network.preparation.normalised(pixels.numpy())).permute(0, 3, 1, 2)
    with torch.inference_mode():
        states = network.encoder(pixel_values=scaled).last_hidden_state
        expected = states.mean(dim=(2, 3)) if kind == "resnet" else states[:, 0]
        np.testing.assert_allclose(network(pixels), expected, atol=1e-5)
    assert network.dimensions == expected.shape[1]


def test_a_preparation_that_cannot_be_carried_out_is_refused(tiny_vision, tmp_path):
    folder = tmp_path / "odd"
    folder.mkdir()
    for path in tiny_vision("vit").iterdir():
        (folder / path.name).write_bytes(path.read_bytes())
    processor = json.loads((folder / "preprocessor_config.json").read_text())
    (folder / "preprocessor_config.json").write_text(json.dumps(processor | {"rescale_factor": 1.0}))
    with pytest.raises(BaseModelError, match="prepares images in a way that is not known here"):
        load_image_network(image_base(str(folder)))


def test_a_folder_that_reads_is_none_for_images(tiny_base):
    assert not is_for_seeing(str(tiny_base))
    with pytest.raises(BaseModelError, match=r"preprocessor_config\.json missing"):
        image_base(str(tiny_base))
    with pytest.raises(UnknownNameError, match="efficientnet-lite0"):
        image_base("minilm")


@needs_weights
def test_read_in_two_parts_it_gives_the_same_vectors_and_saved_it_is_a_base_again(tmp_path):
    base = image_base("auto")
    network = load_image_network(base)
    pixels = torch.from_numpy(network.preparation.pixels(picture())[None].copy())
    with torch.inference_mode():
        whole = network(pixels)
        np.testing.assert_allclose(network.upper(network.lower(pixels, 11), 11), whole, atol=1e-5)
        np.testing.assert_allclose(network.maps(pixels).mean(dim=(2, 3)), whole, atol=1e-6)
        save_image_network(network, base, tmp_path / "saved")
        assert is_for_seeing(str(tmp_path / "saved"))
        again = load_image_network(image_base(str(tmp_path / "saved")))
        np.testing.assert_allclose(again(pixels), whole, atol=1e-6)


@needs_weights
@pytest.mark.parametrize("name", ["top:6", "lora:4", "bitfit", "head", "full"])
def test_an_adaptation_trains_what_it_says_and_merges_into_a_plain_network(name):
    network = load_image_network(image_base("auto"))
    names = set(network.state_dict())
    adapted = load_adaptation(parse_adaptation(name)).apply(network.encoder, random_state=0, n_steps=3)
    trained = {name for name, weight in network.named_parameters() if weight.requires_grad}
    expected = {
        "top:6": all(int(one.split(".")[1]) >= 11 for one in trained) and len(trained) > 20,
        "lora:4": all("lora_" in one for one in trained) and len(trained) > 40,
        "bitfit": all(one.endswith(".bias") for one in trained) and len(trained) > 20,
        "head": not trained,
        "full": len(trained) == len(list(network.parameters())),
    }
    assert expected[name]
    adapted.merge()
    assert set(network.state_dict()) == names
