"""A typed text through a model whose weights are at hand: the activation of every neuron at every token."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from app.errors import NoText, NoWeights, without_paths
from ingest.corpus.strata import Vocabulary
from ingest.corpus.texts import TokenText, token_texts
from ingest.errors import InputError, first_line
from ingest.settings import STUDIES
from ingest.study import Model
from ingest.subject.bridge import find_sites, open_bridge
from ingest.subject.load import load_network, weights_hash
from ingest.subject.locate import at_hand, context_of, read_config
from ingest.subject.sites import Reader, Sites
from ingest.subject.tokenizer import load_tokenizer

LONGEST = 128


@dataclass(frozen=True)
class TriedText:
    """Activations of one model on a typed text.

    Attributes:
        token_ids: ids of its tokens.
        tokens: their texts; a part of a character as its bytes.
        activations: post-activations of the MLPs, float32 (tokens, layers, d_mlp).
        n_left_out: tokens at its end that were too many.
    """

    token_ids: list[int]
    tokens: list[str]
    activations: NDArray[np.float32]
    n_left_out: int


@dataclass(frozen=True)
class OpenModel:
    """A model that reads typed texts, one at a time."""

    network: nn.Module
    sites: Sites
    vocabulary: Vocabulary
    texts: list[TokenText]
    context: int
    _turn: threading.Lock = field(default_factory=threading.Lock)

    def read(self, text: str, *, bos: bool) -> TriedText:
        """Run the model on a text.

        Args:
            text: what was typed.
            bos: whether the BOS token is put in front, as in the text that was measured; it is not returned.

        Raises:
            NoText: it has no token.
        """
        ids = self.vocabulary.tokenizer.encode(text, add_special_tokens=False).ids
        first = [self.vocabulary.bos] if bos and self.vocabulary.bos is not None else []
        kept = ids[: self.context - len(first)]
        if not kept:
            raise NoText("there is no token in this text: type some more")
        with self._turn, Reader(self.network, self.sites, pre=False).hooked() as reader:
            layers = reader.read(torch.tensor([first + kept])).at["mlp"]
        activations = torch.stack(layers, dim=1)[len(first) :].float().numpy()
        return TriedText(kept, [_shown(self.texts[i]) for i in kept], activations, len(ids) - len(kept))


def open_model(
    name: str, source: str, revision: str | None, measured: str, folders: Sequence[Path], given: str | None
) -> OpenModel:
    """Load a model if its weights are on this machine; nothing is fetched.

    Args:
        name: of the model.
        source: hub id or folder, as its study names it.
        revision: of a hub id.
        measured: hash of the weights that were measured.
        folders: what a relative folder may start from, besides the shipped studies.
        given: a folder that the user names instead.

    Raises:
        NoWeights: they are not here, or are other ones.
    """
    model = Model(name=name, path=given or source, revision=None if given else revision)
    folder = at_hand(model, [*folders, STUDIES])
    if folder is None:
        raise NoWeights(f"the weights of {name} are not on this machine, or not where its study had them")
    try:
        vocabulary = load_tokenizer(name, folder)
        network = load_network(name, folder, n_ids=vocabulary.size)
        if weights_hash(network) != measured:
            raise NoWeights(f"the weights there are not those of {name} that were measured")
        sites = find_sites(name, open_bridge(name, folder), network)
        longest = context_of(read_config(name, folder)) or LONGEST
    except InputError as error:
        raise NoWeights(without_paths(first_line(error))) from error
    return OpenModel(network, sites, vocabulary, token_texts(vocabulary), min(LONGEST, longest))


def _shown(token: TokenText) -> str:
    return "".join(f"\\x{byte:02X}" for byte in token.data) if "\ufffd" in token.text else token.text
