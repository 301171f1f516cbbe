"""States of the layers that do not train, computed once and kept on disk: every epoch after costs the upper layers alone.

While some layers are frozen, what the last of them gives for a text never changes. It is computed once, without
gradients, and kept in bf16 (two bytes a number) in files of the user cache, under the content of the token ids, the
weights below and the number of layers; so later epochs, and every later training over the same frozen layers, find it
there. In training the last frozen layer gives what was kept and those below it do nothing. Batches are recognised by
their token ids, so no method, row or objective needs to know of it; a batch with a text that was not kept is read by
all layers.

A file holds what one training added and is written under another name first, so a killed process leaves none that looks
finished. The files together stay below `METIER_PREFIX_CACHE_GB` (4 by default; 0 keeps none): the least
recently used are removed.
"""

import hashlib
import os
import shutil
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import torch

from metier.bases.adaptation.layer_discovery import blocks_of, run_once
from metier.bases.precision import mixed_precision
from metier.errors import SettingsError, StorageError
from metier.progress import Listener, Progress, ignore
from metier.storage import partial_file, sweep
from metier.training.batching import TokenisedRows
from metier.training.partial_pass import StatesHere, given_to, output_of, standing_in
from metier.user_cache import user_cache

DEFAULT_GB = 4.0
LIMIT = "METIER_PREFIX_CACHE_GB"
RECIPE = 1  # Part of the folder's name; a change of what is kept is a new number.
SPARE_BYTES = 200_000_000  # Left free on the disk, for whoever writes besides us.
TOKEN_BUDGET = 4096
INDEX_SECONDS = 3_600  # Within which whoever wrote states has written their index, too.
# Of bf16, of which eight bits count: what the layers above make of kept states differs by no more, relatively.
TOLERANCE = 2e-2


@dataclass
class Kept:
    """Where the states of each text are.

    Parameters
    ----------
    width : int
        Numbers of a state.
    places : dict of bytes to (ndarray, first, length)
        From a text to the file that holds it, and where in it.
    """

    width: int
    places: dict[bytes, tuple[np.ndarray, int, int]] = field(default_factory=dict)

    def read(self, folder: Path) -> None:
        """Open every file of a folder; nothing of it is loaded."""
        for index_file in sorted(folder.glob("*.npy")):
            states_file = index_file.with_suffix(".states")
            try:
                index = np.load(index_file, allow_pickle=False)
                flat = np.memmap(states_file, dtype=np.uint16, mode="r")
                states = flat.reshape(-1, self.width)
                os.utime(index_file)  # Recently used: others are removed first.
            except (OSError, ValueError):
                continue  # Damaged or removed meanwhile: it is computed again.
            for key, first, length in zip(index["key"], index["first"], index["length"], strict=True):
                self.places[bytes(key)] = (states, int(first), int(length))

    def states(self, keys: Sequence[bytes], width: int) -> torch.Tensor | None:
        """Give the states of texts, padded to so many tokens; None if one was not kept."""
        found = [self.places.get(key) for key in keys]
        batch = np.zeros((len(keys), width, self.width), dtype=np.uint16)
        for row, place in enumerate(found):
            if place is None:
                return None
            states, first, length = place
            batch[row, :length] = states[first : first + length]
        return torch.from_numpy(batch).view(torch.bfloat16)

    def packed(self, keys: Sequence[bytes]) -> torch.Tensor | None:
        """Give the states of texts behind one another, of shape (1, n_tokens, width); None if one was not kept."""
        found = [self.places[key] for key in keys if key in self.places]
        if len(found) < len(keys):
            return None
        parts = [states[first : first + length] for states, first, length in found]
        return torch.from_numpy(np.concatenate(parts)[None]).view(torch.bfloat16)


class FrozenLayerCache:
    """The frozen layers of one encoder, and what they give for texts.

    Parameters
    ----------
    encoder : PreTrainedModel
        Its vocabulary as the tokenizer has it.
    n_layers : int
        How many, from the lowest, do not train.
    """

    token_budget: ClassVar[int] = TOKEN_BUDGET

    def __init__(self, encoder: Any, n_layers: int):
        self._encoder, self._n_layers = encoder, n_layers
        self._kept = Kept(int(encoder.config.hidden_size))
        self._last = blocks_of(encoder)[n_layers - 1]
        self._gives_tuple = isinstance(output_of(self._last, lambda: run_once(encoder)), tuple)
        self._folder = user_cache() / "frozen-prefix" / f"{_digest(encoder, n_layers)}-{n_layers}-{RECIPE}"

    def fill(self, model: Any, parts: Sequence[TokenisedRows], *, listener: Listener = ignore) -> bool:
        """Keep the states of every text that is not kept yet; gives whether it was done.

        Parameters
        ----------
        model : HeadedEncoder
            With this encoder in it; it decides what the encoder is given besides the ids.

        Raises
        ------
        StorageError
            If there is not enough disk space; the message says how much is needed.
        """
        self._kept.read(self._folder)
        missing = self._missing(model, parts)
        n_bytes = sum(missing.values()) * self._kept.width * 2
        n_tokens_in_all = sum(int(part.lengths.sum()) for part in parts)
        listener(
            Progress(
                f"states of {self._n_layers} frozen layers: {n_bytes / 1e6:,.0f} MB to compute and keep in "
                f"{self._folder.parent}, of {n_tokens_in_all * self._kept.width * 2 / 1e6:,.0f} MB in all",
                0,
                None,
                unit="",
            )
        )
        if n_bytes > most_bytes():
            return False
        if missing:
            _make_room(self._folder.parent, n_bytes)
            _check_disk(self._folder, n_bytes)
            was_training = model.training
            model.eval()
            self._compute(model, parts, missing, listener)
            model.train(was_training)
            self._kept.read(self._folder)
        return True

    @contextmanager
    def in_place(self, ids: np.ndarray | None = None) -> Iterator[None]:
        """Let the encoder take from what was kept, and give it its layers back afterwards.

        Parameters
        ----------
        ids : ndarray of int64, optional
            The tokenizer's id of each id that the encoder is given meanwhile; None: they are the tokenizer's.
        """
        blocks = list(blocks_of(self._encoder))[: self._n_layers]
        here = StatesHere()

        def look_up(encoder: Any, given: Any, named: dict[str, Any]) -> None:
            # Some models (GPT-2) hand the ids on without their name.
            here.states = self._looked_up({"input_ids": given[0], **named} if given else named, ids)

        handle = self._encoder.register_forward_pre_hook(look_up, with_kwargs=True)
        try:
            with standing_in(blocks, here, gives_tuple=self._gives_tuple):
                yield
        finally:
            handle.remove()

    def agrees(self, model: Any, part: TokenisedRows) -> bool:
        """Whether the layers above make the same of kept states as of computed ones: some share more than states."""
        batch = part.batch(np.arange(min(8, len(part.ids))))
        wanted = given_to(model, self._encoder, batch)
        is_token = wanted["attention_mask"].bool()
        was_training = self._encoder.training
        self._encoder.eval()
        with torch.inference_mode():
            computed = self._encoder(**wanted).last_hidden_state[is_token]
            with self.in_place():
                kept = self._encoder(**wanted).last_hidden_state[is_token]
        self._encoder.train(was_training)
        return bool((computed - kept).abs().max() <= TOLERANCE * computed.abs().max())

    def _looked_up(self, named: dict[str, Any], ids: np.ndarray | None) -> torch.Tensor | None:
        """Give the states of what the encoder is given; None where it has to compute them."""
        return self._kept.states(_keys(named, ids), named["input_ids"].shape[1])

    def _missing(self, model: Any, parts: Sequence[TokenisedRows]) -> dict[bytes, int]:
        """Give the texts that are not kept, each with its number of tokens."""
        found: dict[bytes, int] = {}
        for part in parts:
            for _, batch in part.in_order_of_length(TOKEN_BUDGET):
                named = given_to(model, self._encoder, batch)
                lengths = named["attention_mask"].sum(dim=1).tolist()
                found |= {
                    key: length
                    for key, length in zip(_keys(named), lengths, strict=True)
                    if key not in self._kept.places
                }
        return found

    def _compute(
        self, model: Any, parts: Sequence[TokenisedRows], missing: dict[bytes, int], listener: Listener
    ) -> None:
        name = hashlib.sha256(b"".join(sorted(missing))).hexdigest()[:16]
        states_file, index_file = (self._folder / f"{name}{ending}" for ending in (".states", ".npy"))
        n_tokens, done = sum(missing.values()), 0
        index: list[tuple[bytes, int, int]] = []
        try:
            self._folder.mkdir(parents=True, exist_ok=True)
            with partial_file(states_file) as partial, partial.open("wb") as file:
                for part in parts:
                    for _, batch in part.in_order_of_length(self.token_budget):
                        for key, states in self._states_of(model, batch, missing):
                            index.append((key, done, len(states)))
                            file.write(states.tobytes())
                            done += len(states)
                            del missing[key]
                        listener(
                            Progress(f"states of {self._n_layers} frozen layers", done, n_tokens, unit="tokens")
                        )
            places = np.array(index, dtype=[("key", "V16"), ("first", np.int64), ("length", np.int64)])
            with partial_file(index_file) as partial, partial.open("wb") as file:
                np.save(file, places)
        except OSError as error:
            raise StorageError(
                f"States of frozen layers could not be written to {self._folder} ({error.strerror or error}). "
                f"Free some space, name another folder in METIER_CACHE, or set {LIMIT}=0 to train without them."
            ) from error

    def _states_of(
        self, model: Any, batch: Any, missing: dict[bytes, int]
    ) -> Iterator[tuple[bytes, np.ndarray]]:
        """Give the states of those texts of a batch that are missing, each once."""
        named = given_to(model, self._encoder, batch)
        fresh = {key: row for row, key in enumerate(_keys(named)) if key in missing}
        if not fresh:
            return
        rows = torch.tensor(list(fresh.values()), device=named["input_ids"].device)
        some = {name: value[rows] for name, value in named.items() if isinstance(value, torch.Tensor)}
        halved = torch.autocast("cpu", dtype=torch.bfloat16, enabled=mixed_precision() == "bf16")
        with torch.inference_mode(), halved:
            output = output_of(self._last, lambda: self._encoder(**(named | some)))
        states = output[0] if self._gives_tuple else output
        bits = states.to(torch.bfloat16).cpu().view(torch.int16).numpy().view(np.uint16)
        for row, key in enumerate(fresh):
            yield key, bits[row, : missing[key]]


def cache_frozen_layers(
    model: Any, n_layers: int, parts: Sequence[TokenisedRows], *, listener: Listener = ignore
) -> FrozenLayerCache | None:
    """Keep what frozen layers give for rows; None where there is nothing to keep or nothing to be gained by it.

    Parameters
    ----------
    model : HeadedEncoder
    n_layers : int
        How many of its encoder's layers, from the lowest, will not train; their embeddings must not either.
    parts : sequence of TokenisedRows
        Rows to learn from and rows to compare epochs on, in the tokenizer's ids.

    Raises
    ------
    StorageError
        If there is not enough disk space for them.
    """
    if n_layers == 0 or most_bytes() == 0:
        return None
    cache = FrozenLayerCache(model.encoder, n_layers)
    if not cache.fill(model, parts, listener=listener):
        listener(
            Progress(f"more than {LIMIT} allows: frozen layers are computed in every epoch", 0, None, unit="")
        )
        return None
    return cache if cache.agrees(model, parts[0]) else None


def most_bytes() -> int:
    """Size of all that is kept, at most; raises `SettingsError` if the environment names no number."""
    stated = os.environ.get(LIMIT, str(DEFAULT_GB))
    try:
        gigabytes = float(stated)
    except ValueError:
        gigabytes = -1.0
    if not 0 <= gigabytes < float("inf"):
        raise SettingsError([f"{LIMIT} is {stated!r}, expected gigabytes, 0 or more"], origin="The environment")
    return int(gigabytes * 1e9)


def _keys(named: dict[str, Any], ids: np.ndarray | None = None) -> list[bytes]:
    """Give what each text of a batch is kept under: its token ids, and their types where there are others than 0."""
    tokens = named["input_ids"].cpu().numpy()
    tokens = tokens if ids is None else ids[tokens]
    lengths = named["attention_mask"].sum(dim=1).tolist()
    types = named.get("token_type_ids")
    kinds = None if types is None or not bool(types.any()) else types.cpu().numpy()
    keys = []
    for row, length in enumerate(lengths):
        content = hashlib.blake2b(tokens[row, :length].astype(np.int64).tobytes(), digest_size=16)
        if kinds is not None:
            content.update(kinds[row, :length].astype(np.int8).tobytes())
        keys.append(content.digest())
    return keys


def _digest(encoder: Any, n_layers: int) -> str:
    """Hash the weights that do not train, and the name of what is computed with them."""
    upper = {id(weight) for block in blocks_of(encoder)[n_layers:] for weight in block.parameters()}
    digest = hashlib.sha256(type(encoder).__name__.encode())
    for name, weight in encoder.named_parameters():
        if id(weight) not in upper:
            digest.update(name.encode())
            digest.update(weight.detach().cpu().contiguous().numpy().data)
    return digest.hexdigest()[:24]


def _make_room(root: Path, n_bytes: int) -> None:
    """Remove the least recently used files, until so many more bytes are within the limit."""
    for folder in root.glob("*/"):
        _sweep(folder)
    files = sorted(root.glob("*/*.npy"), key=lambda path: path.stat().st_mtime)
    held = {path: path.with_suffix(".states") for path in files}
    sizes = {path: states.stat().st_size if states.exists() else 0 for path, states in held.items()}
    total = sum(sizes.values())
    for path in files:
        if total + n_bytes <= most_bytes():
            return
        path.unlink(missing_ok=True)
        held[path].unlink(missing_ok=True)
        total -= sizes[path]


def _sweep(folder: Path) -> None:
    """Remove what a killed process left: half-written files, and states that never got their index."""
    sweep(folder)
    for states in folder.glob("*.states"):
        is_being_indexed = time.time() - states.stat().st_mtime < INDEX_SECONDS
        if not (states.with_suffix(".npy").exists() or is_being_indexed):
            states.unlink(missing_ok=True)


def _check_disk(folder: Path, n_bytes: int) -> None:
    there = next(parent for parent in (folder, *folder.parents) if parent.exists())
    free = shutil.disk_usage(there).free
    if free < n_bytes + SPARE_BYTES:
        raise StorageError(
            f"States of frozen layers take {n_bytes / 1e9:.2f} GB and {there} has {free / 1e9:.2f} GB free. Free some "
            f"space, name another folder in METIER_CACHE, or set {LIMIT}=0 to train without them."
        )
