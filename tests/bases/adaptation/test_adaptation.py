import numpy as np
import pytest
import torch

from metier.bases.adaptation import check_fits, parse_adaptation
from metier.bases.adaptation.adaptation import load_adaptation
from metier.bases.adaptation.inserted import PART, split_weights
from metier.bases.adaptation.layer_discovery import blocks_of, inner_states, keys_and_values, sublayer_outputs
from metier.bases.huggingface_folder import load_encoder, load_model, save_encoder
from metier.bases.known_bases import load_tokenizer, resolve_base, weights_hash
from metier.errors import SettingsError
from metier.export.onnx_graph import PooledEncoder, quantize, write_module
from metier.predictors.onnx.graph_session import open_session

from .conftest import ADAPTATIONS, STAYING

IDS = torch.tensor([[101, 2026, 4003, 2196, 2234, 102], [101, 2073, 2003, 102, 0, 0]])
MASK = (IDS > 0).long()
WIDTH, N_LAYERS, INNER = 384, 2, 512
LINEAR_OF_A_LAYER = 4 * (WIDTH + WIDTH) + 2 * (WIDTH + INNER)  # A rank of one beside each.
A_LAYER = 4 * WIDTH * (WIDTH + 1) + 4 * WIDTH + 2 * WIDTH * INNER + WIDTH + INNER
EXPECTED = {
    "head": 0,
    "top:1": A_LAYER,
    "lora:4": N_LAYERS * LINEAR_OF_A_LAYER * 4,
    # Three ranks to start with, and a singular value for each rank of each of six matrices.
    "adalora:2": N_LAYERS * (LINEAR_OF_A_LAYER * 3 + 6 * 3),
    "prefix:3": N_LAYERS * 2 * 3 * WIDTH,
    "prompt:3": 3 * WIDTH,
    "adapter:6": N_LAYERS * 2 * (2 * WIDTH * 6 + WIDTH + 6),
    "bitfit": N_LAYERS * (7 * WIDTH + INNER),
    "ia3": N_LAYERS * (2 * WIDTH + INNER),
}


# Full fine-tuning is tested with every method, and with the head alone nothing of the encoder trains.
TRAINING = ADAPTATIONS[2:]


def states(encoder):
    with torch.inference_mode():
        return encoder.eval()(input_ids=IDS, attention_mask=MASK).last_hidden_state[MASK.bool()]


def adapt(encoder, name, n_steps=6):
    return load_adaptation(parse_adaptation(name)).apply(encoder, random_state=0, n_steps=n_steps)


def train(encoder, adapted, n_steps=6):
    """Take some steps away from where the encoder was, as the loop would."""
    optimizer = torch.optim.AdamW([weight for weight in encoder.parameters() if weight.requires_grad], lr=1e-2)
    encoder.train()
    for step in range(n_steps):
        found = encoder(input_ids=IDS, attention_mask=MASK).last_hidden_state
        loss = (found - 1).square().mean() + (adapted.penalty() or 0)
        loss.backward()
        optimizer.step()
        if adapted.hook is not None:
            adapted.hook.after_step(step + 1)
        optimizer.zero_grad(set_to_none=True)


def test_as_many_weights_train_as_the_method_has(encoder, adaptation):
    expected = EXPECTED.get(adaptation, sum(weight.numel() for weight in encoder.parameters()))
    adapt(encoder, adaptation)
    assert sum(weight.numel() for weight in encoder.parameters() if weight.requires_grad) == expected


@pytest.mark.parametrize("adaptation", TRAINING)
def test_only_what_trains_moves(encoder, adaptation):
    before = {name: weight.clone() for name, weight in encoder.named_parameters()}
    adapted = adapt(encoder, adaptation)
    trained = {name for name, weight in encoder.named_parameters() if weight.requires_grad}
    train(encoder, adapted)
    after = {name.replace("base_layer.", ""): weight for name, weight in encoder.named_parameters()}
    moved = {name for name, weight in before.items() if not torch.equal(after[name], weight)}
    assert moved <= trained
    assert moved or not any(name in before for name in trained)


@pytest.mark.parametrize("adaptation", TRAINING)
def test_merged_answers_as_trained(encoder, adaptation):
    before, names = states(encoder), set(encoder.state_dict())
    adapted = adapt(encoder, adaptation)
    train(encoder, adapted)
    trained = states(encoder)
    assert (trained - before).abs().max() > 1e-2
    adapted.merge()
    torch.testing.assert_close(states(encoder), trained, atol=2e-5, rtol=1e-4)
    left = set(encoder.state_dict()) - names
    assert all(PART in name for name in left)
    assert bool(left) == (adaptation in STAYING)


@pytest.mark.parametrize("adaptation", [name for name in TRAINING if not name.startswith("pr")])
def test_starts_as_its_base(encoder, adaptation):
    before = states(encoder)
    adapt(encoder, adaptation)
    torch.testing.assert_close(states(encoder), before, atol=1e-5, rtol=1e-4)


@pytest.mark.parametrize("adaptation", TRAINING)
def test_padding_changes_nothing(encoder, adaptation):
    train(encoder, adapt(encoder, adaptation), n_steps=2)
    with torch.inference_mode():
        alone = encoder.eval()(input_ids=IDS[1:, :4], attention_mask=MASK[1:, :4]).last_hidden_state[0]
    torch.testing.assert_close(states(encoder)[6:], alone, atol=1e-5, rtol=1e-4)


@pytest.mark.parametrize("name", STAYING)
def test_what_stays_is_read_back_from_its_folder(name, encoder, small_base, tmp_path):
    base = resolve_base(str(small_base))
    train(encoder, adapt(encoder, name), n_steps=3)
    save_encoder(encoder, base, tmp_path, tokenizer=load_tokenizer(base), head={}, labels=[], temperature=1.0)
    again = load_model(resolve_base(str(tmp_path)))
    torch.testing.assert_close(states(again), states(encoder))
    plain = load_encoder(small_base)
    beside, _ = split_weights(again)
    assert all(torch.equal(weight, beside[key]) for key, weight in plain.state_dict().items())
    assert weights_hash(resolve_base(str(tmp_path))) != weights_hash(base)
    with pytest.raises(SettingsError, match=f"already contains the adaptation {name}"):
        adapt(again, "prompt:2")


@pytest.mark.parametrize("name", STAYING)
def test_what_stays_is_in_the_graph(name, encoder, tmp_path):
    train(encoder, adapt(encoder, name), n_steps=3)
    encoder.eval()
    write_module(PooledEncoder(encoder, normalise=True), encoder.config, tmp_path / "fp32.onnx")
    given = {"input_ids": IDS.numpy(), "attention_mask": MASK.numpy()}
    with torch.inference_mode():
        expected = PooledEncoder(encoder, normalise=True)(IDS, MASK).numpy()
    found = open_session(tmp_path / "fp32.onnx", threads=1).run(None, given)[0]
    np.testing.assert_allclose(found, expected, atol=1e-5)
    quantize(tmp_path / "fp32.onnx", tmp_path / "int8.onnx", rows=[IDS[0].tolist(), IDS[1, :4].tolist()])
    rough = open_session(tmp_path / "int8.onnx", threads=1).run(None, given)[0]
    assert (rough * expected).sum(axis=1).min() > 0.95


def test_places_are_found_by_what_layers_do(encoder):
    assert len(blocks_of(encoder)) == N_LAYERS
    ends = ["attention.output.dense", "output.dense"]
    assert sublayer_outputs(encoder) == [f"encoder.layer.{n}.{end}" for n in range(N_LAYERS) for end in ends]
    assert inner_states(encoder) == [f"encoder.layer.{n}.output.dense" for n in range(N_LAYERS)]
    assert len(keys_and_values(encoder)) == 2 * N_LAYERS


def test_adalora_cuts_its_ranks_to_the_budget(encoder):
    adapted = adapt(encoder, "adalora:2", n_steps=40)
    train(encoder, adapted, n_steps=40)
    values = [weight for name, weight in encoder.named_parameters() if "lora_E" in name]
    assert sum(int((weight != 0).sum()) for weight in values) == 2 * len(values)


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("lorra", "Did you mean 'lora'"),
        ("bitfit:3", "takes no number. Write 'bitfit'"),
        ("top:0", "Write 'top:2'"),
        ("lora:x", "is unknown"),
    ],
)
def test_refuses_a_name_with_the_nearest(text, sentence):
    with pytest.raises(SettingsError, match=sentence):
        parse_adaptation(text)


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("top:3", "has 2 layers. Take 'top:2'"),
        ("lora:500", "is 384 wide. Take 'lora:384'"),
        ("prefix:1000", "too few positions for the text"),
    ],
)
def test_refuses_what_the_base_has_no_room_for(text, sentence, small_base):
    with pytest.raises(SettingsError, match=sentence):
        check_fits(text, resolve_base(str(small_base)))


def test_a_name_says_itself():
    assert str(parse_adaptation("LoRA")) == "lora:8"
    assert str(parse_adaptation("full")) == "full"
