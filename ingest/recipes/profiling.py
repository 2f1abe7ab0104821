"""What a run profiles: the classes of every position, the features they have, and the rows that follow."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import torch
from numpy.typing import NDArray

from ingest.corpus.features import Feature, FeatureTable, least_count, read_custom, token_features
from ingest.corpus.store import TokenRows
from ingest.corpus.strata import Vocabulary
from ingest.corpus.syntax import PYTHON
from ingest.corpus.texts import TokenText, token_texts
from ingest.errors import InputError
from ingest.measure.classes import HALVES, Scheme
from ingest.measure.examples import WINDOW
from ingest.measure.histograms import BINS
from ingest.measure.profile import RANDOM_ROWS, TOP_EXAMPLES, Classified, Lagged
from ingest.study import Study

# Ids with sums of their own; rarer ones share sums with those of equal features.
_KEPT_IDS = 2048
# As many as English and source code give.
_USUAL_FEATURES = 300
_FLOAT, _DOUBLE = 4, 8
TOKEN, PLACE, SUBSET, SYNTAX = "token", "position", "subset", "syntax"
# Features are looked at now and one position before; tokens also one position after.
_LAGS = {TOKEN: (0, 1, -1), PLACE: (0,), SUBSET: (0,), SYNTAX: (0, 1)}


@dataclass(frozen=True)
class Kind:
    """One kind of class.

    Attributes:
        of_position: class of every position, (n_rows, context), or of every id, with `by_id`.
        table: features of the classes.
        kept: classes at the front with sums of their own.
        by_id: whether `of_position` is to be looked up by token id.
    """

    of_position: NDArray[np.integer]
    table: FeatureTable
    kept: int
    by_id: bool = False


class Profiling:
    """Classes and features of a corpus.

    Attributes:
        texts: of all token ids.
        counts: positions of each id.
        by_id: features of token ids.
        kinds: of classes, by name.
        first_place: places before it give no examples: 1 where rows begin with BOS.
    """

    def __init__(self, study: Study, vocabulary: Vocabulary, rows: TokenRows, *, n_rows: int) -> None:
        """Look features up.

        Args:
            study: whose `[measure] features` say which.
            vocabulary: the models' tokenizer.
            rows: the corpus.
            n_rows: rows at the front that say what is common: a longer corpus keeps the features of a shorter one.

        Raises:
            InputError: if the user's features cannot be read, or the corpus has no subsets to be told apart.
        """
        asked = study.measure.profile
        assert asked is not None
        self._rows = rows
        self.texts: list[TokenText] = token_texts(vocabulary)
        self._n_rows = n_rows
        self.first_place = int(rows.manifest.bos == "row")
        ids = np.asarray(rows.ids[:n_rows])
        self.counts = np.bincount(ids.ravel(), minlength=vocabulary.size)
        self.least = least_count(asked.min_count, ids.size)
        custom = read_custom((study.folder / asked.csv).expanduser(), self.texts) if asked.csv else []
        self.by_id = token_features(
            self.texts, self.counts, special=vocabulary.special, kinds=asked.sets, custom=custom, least=self.least
        )
        self.kinds = {TOKEN: self._tokens(), PLACE: self._places()}
        wanted = asked.sets or ()
        subsets = self._subsets()
        if subsets is not None and (asked.sets is None or SUBSET in wanted):
            self.kinds[SUBSET] = subsets
        elif SUBSET in wanted:
            raise InputError("[measure.features] sets: the corpus has no two subsets of which one could be a feature")
        if rows.syntax is not None and (asked.sets is None or SYNTAX in wanted):
            self.kinds[SYNTAX] = self._syntax(rows.syntax)
        elif SYNTAX in wanted:
            raise InputError('[measure.features] sets: syntax needs [corpus] syntax = "python"')
        sampled = np.random.default_rng(0).permutation(len(ids))[:RANDOM_ROWS]
        self._is_sampled = np.isin(np.arange(len(rows.ids)), sampled)

    def _tokens(self) -> Kind:
        order = np.argsort(-self.counts, kind="stable")
        kept = order[:_KEPT_IDS]
        of_id = np.empty(len(order), np.int64)
        of_id[kept] = np.arange(len(kept))
        holds = self.by_id.holds
        rest, alike = np.unique(holds[order[_KEPT_IDS:]], axis=0, return_inverse=True)
        of_id[order[_KEPT_IDS:]] = len(kept) + alike.reshape(-1)
        table = FeatureTable(self.by_id.features, np.concatenate([holds[kept], rest]))
        return Kind(of_id, table, len(kept), by_id=True)

    def _places(self) -> Kind:
        n_rows, context = self._rows.ids.shape
        places = np.broadcast_to(np.arange(context), (n_rows, context))
        return Kind(places, FeatureTable((), np.zeros((context, 0), bool)), context)

    def _subsets(self) -> Kind | None:
        """One feature per subset with enough positions; None where all text is of one."""
        documents = np.asarray(self._rows.documents)
        names = self._rows.document_table()["subset"].to_numpy()
        known = sorted({str(names[d]) for d in np.unique(documents[: self._n_rows]) if d >= 0})
        number = {name: k for k, name in enumerate(known)}
        of_document = np.array([number.get(str(name), len(known)) for name in names] + [len(known)])
        classes = of_document[documents]
        counts = np.bincount(classes[: self._n_rows].ravel(), minlength=len(known) + 1)[:-1]
        common = [k for k in range(len(known)) if self.least <= counts[k] < counts.sum()]
        if not common:
            return None
        holds = np.zeros((len(known) + 1, len(common)), bool)
        holds[common, np.arange(len(common))] = True
        features = tuple(Feature(f"subset_{known[k]}", SUBSET, f"text of the subset {known[k]!r}") for k in common)
        return Kind(classes, FeatureTable(features, holds), len(known) + 1)

    def _syntax(self, classes: NDArray[np.uint16]) -> Kind:
        names = sorted(set().union(*PYTHON.features))
        holds = np.array([[name in of for name in names] for of in PYTHON.features])
        features = tuple(Feature(n, SYNTAX, f"Python's tokenizer: {n.removeprefix('syntax_')}") for n in names)
        return Kind(classes, FeatureTable(features, holds), len(holds))

    def lagged(self) -> list[Lagged]:
        """All kinds with their lags."""
        return [(name, lag) for name in self.kinds for lag in _LAGS[name]]

    def kept_ids(self, n: int) -> NDArray[np.int64]:
        """Token ids of the first n classes of tokens."""
        found: NDArray[np.int64] = np.argsort(self.kinds[TOKEN].of_position, kind="stable")[:n]
        return found

    @cached_property
    def schemes(self) -> dict[Lagged, Scheme]:
        """What sums are kept of every kind and lag; beyond a row's ends there is one more class without features."""
        found: dict[Lagged, Scheme] = {}
        for name, lag in self.lagged():
            kind = self.kinds[name]
            nothing = np.zeros((1, kind.table.holds.shape[1]), bool)
            holds = np.concatenate([kind.table.holds, nothing]) if lag else kind.table.holds
            found[name, lag] = Scheme(holds, kind.kept if lag >= 0 else 0)
        return found

    def classified(self, numbers: NDArray[np.int64], group: int, device: str) -> Classified:
        """The classes of some rows' positions."""
        classes = {}
        for name, kind in self.kinds.items():
            own = kind.of_position[np.asarray(self._rows.ids[numbers])] if kind.by_id else kind.of_position[numbers]
            for lag in _LAGS[name]:
                moved = _moved(own, lag, len(kind.table.holds)).ravel()
                classes[name, lag] = self.schemes[name, lag].present(moved, device)
        return Classified(
            torch.from_numpy(numbers).to(device),
            torch.from_numpy(self._is_sampled[numbers]).to(device),
            classes,
            group,
        )


def bytes_per_neuron(n_ids: int, context: int) -> int:
    """Bytes that one neuron's profile holds, about: with the usual number of features.

    Args:
        n_ids: of the tokenizer.
        context: positions per row.
    """
    tokens = _DOUBLE * (len(_LAGS[TOKEN]) * HALVES * _USUAL_FEATURES + 2 * min(n_ids, _KEPT_IDS))
    places = 2 * _DOUBLE * context
    examples = (TOP_EXAMPLES + RANDOM_ROWS) * (_FLOAT * (WINDOW + 1) + 2 * _DOUBLE)
    return tokens + places + examples + _DOUBLE * (BINS + 2)


def _moved(classes: NDArray[np.integer], lag: int, beyond: int) -> NDArray[np.int64]:
    """The classes `lag` positions before every position, and `beyond` where the row has none."""
    moved = np.full(classes.shape, beyond, np.int64)
    if lag > 0:
        moved[:, lag:] = classes[:, :-lag]
    elif lag < 0:
        moved[:, :lag] = classes[:, -lag:]
    else:
        moved[:] = classes
    return moved
