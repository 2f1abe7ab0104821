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
from ingest.corpus.texts import TokenText, token_texts
from ingest.errors import InputError
from ingest.measure.classes import HALVES, Division, Scheme
from ingest.measure.examples import WINDOW
from ingest.measure.histograms import BINS
from ingest.measure.profile import RANDOM_ROWS, TOP_EXAMPLES, Classified, Lagged
from ingest.recipes.joint import KEPT_PAIRS, OfRows, joint_classes
from ingest.study import Study

# Ids and classes of syntax with sums of their own; rarer ids share sums with those of equal features.
_KEPT_IDS = 2048
# As many as English and source code give.
_USUAL_FEATURES = 300
_FLOAT, _DOUBLE = 4, 8
_KEPT_SYNTAX = 1024
TOKEN, PLACE, SUBSET, SYNTAX, JOINT = "token", "position", "subset", "syntax", "token_and_syntax"
# Features are looked at now and one position before; tokens also one position after.
_LAGS = {TOKEN: (0, 1, -1), PLACE: (0,), SUBSET: (0,), SYNTAX: (0, 1), JOINT: (0,)}


@dataclass(frozen=True)
class Kind:
    """One kind of class.

    Attributes:
        of_rows: from the numbers of some rows to the classes of their positions, (rows, context).
        table: features of the classes.
        kept: classes at the front with sums of their own, each of one value.
        left: values that occur and have no such class.
        owner: class of tokens that each kept class is a part of; None where they are no such parts.
    """

    of_rows: OfRows
    table: FeatureTable
    kept: int
    left: int
    owner: NDArray[np.int64] | None = None


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
            self.kinds[SYNTAX] = self._syntax(rows.syntax, rows.syntax_table)
            self.kinds[JOINT] = self._joint()
        elif SYNTAX in wanted:
            raise InputError('[measure.features] sets: syntax needs [corpus] syntax = "python" or "spacy:PIPELINE"')
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
        ids = self._rows.ids
        later = np.bincount(np.asarray(ids[self._n_rows :]).ravel(), minlength=len(order))
        left = int((self.counts + later > 0)[order[_KEPT_IDS:]].sum())
        return Kind(lambda numbers: of_id[np.asarray(ids[numbers])], table, len(kept), left)

    def _places(self) -> Kind:
        context = self._rows.ids.shape[1]
        table = FeatureTable((), np.zeros((context, 0), bool))
        return Kind(lambda numbers: np.broadcast_to(np.arange(context), (len(numbers), context)), table, context, 0)

    def _subsets(self) -> Kind | None:
        """One feature per subset with enough positions; None where all text is of one."""
        documents = self._rows.documents
        names = [str(name) for name in self._rows.document_table()["subset"]]
        parts = documents[: self._n_rows], documents[self._n_rows :]
        first, later = ({names[d] for d in np.unique(part) if d >= 0} for part in parts)
        known = sorted(first)
        number = {name: k for k, name in enumerate(known)}
        of_document = np.array([number.get(name, len(known)) for name in names] + [len(known)])
        counts = np.bincount(of_document[parts[0]].ravel(), minlength=len(known) + 1)[:-1]
        common = [k for k in range(len(known)) if self.least <= counts[k] < counts.sum()]
        if not common:
            return None
        holds = np.zeros((len(known) + 1, len(common)), bool)
        holds[common, np.arange(len(common))] = True
        features = tuple(Feature(f"subset_{known[k]}", SUBSET, f"text of the subset {known[k]!r}") for k in common)
        # BOS has no subset, which is one more value.
        left = len(later - first) + self.first_place
        return Kind(
            lambda numbers: of_document[np.asarray(documents[numbers])], FeatureTable(features, holds), len(known), left
        )

    def _syntax(self, classes: NDArray[np.integer], table: FeatureTable) -> Kind:
        """Features with enough positions; classes by their frequency.

        Equally frequent ones go by their features: a longer corpus, in which they have other numbers, has them in the
        same order.
        """
        counts = np.bincount(np.asarray(classes[: self._n_rows]).ravel(), minlength=len(table.holds))
        later = np.bincount(np.asarray(classes[self._n_rows :]).ravel(), minlength=len(table.holds))
        order = np.lexsort([*table.holds.T, -counts])
        front = min(_KEPT_SYNTAX, int((counts > 0).sum()))
        rank = np.empty(len(order), np.int64)
        rank[order] = np.arange(len(order))
        common = np.flatnonzero(counts @ table.holds >= self.least)
        holds = table.holds[np.ix_(order, common)]
        left = int((counts + later > 0)[order[front:]].sum())
        features = tuple(table.features[k] for k in common)
        of_class = FeatureTable(features, holds)
        return Kind(lambda numbers: rank[np.asarray(classes[numbers])], of_class, front, left)

    def _joint(self) -> Kind:
        tokens, syntax = self.kinds[TOKEN], self.kinds[SYNTAX]
        joint = joint_classes(
            tokens.of_rows, tokens.kept, syntax.of_rows, syntax.kept, n_chosen=self._n_rows, n_rows=len(self._rows.ids)
        )
        n_pairs = len(joint.owner)
        left = joint.left + max(0, tokens.left - 1) + max(0, syntax.left - 1)
        return Kind(joint.of_rows, FeatureTable((), np.zeros((n_pairs + 1, 0), bool)), n_pairs, left, owner=joint.owner)

    def lagged(self) -> list[Lagged]:
        """All kinds with their lags."""
        return [(name, lag) for name in self.kinds for lag in _LAGS[name]]

    def kept_ids(self, n: int) -> NDArray[np.int64]:
        """Token ids of the first n classes of tokens."""
        found: NDArray[np.int64] = np.argsort(-self.counts, kind="stable")[:n]
        return found

    @cached_property
    def schemes(self) -> dict[Lagged, Scheme]:
        """What sums are kept of every kind and lag; beyond a row's ends there is one more class without features."""
        found: dict[Lagged, Scheme] = {}
        for name, lag in self.lagged():
            kind = self.kinds[name]
            holds = np.pad(kind.table.holds, [(0, int(lag != 0)), (0, 0)])
            keeps = lag == 0 or (name == TOKEN and lag > 0)
            division = Division((TOKEN, 0), kind.owner) if kind.owner is not None else None
            found[name, lag] = Scheme(holds, kind.kept if keeps else 0, division)
        return found

    def classified(self, numbers: NDArray[np.int64], group: int, device: str) -> Classified:
        """The classes of some rows' positions."""
        classes = {}
        for name, kind in self.kinds.items():
            own = kind.of_rows(numbers)
            for lag in _LAGS[name]:
                moved = _moved(own, lag, len(kind.table.holds)).ravel()
                classes[name, lag] = self.schemes[name, lag].present(moved, device)
        return Classified(
            torch.from_numpy(numbers).to(device),
            torch.from_numpy(self._is_sampled[numbers]).to(device),
            classes,
            group,
        )


def bytes_per_neuron(n_ids: int, context: int, *, has_syntax: bool) -> int:
    """Bytes that one neuron's profile holds, about: with the usual number of features.

    Args:
        n_ids: of the tokenizer.
        context: positions per row.
        has_syntax: whether positions have a class of syntax.
    """
    tokens = _DOUBLE * (len(_LAGS[TOKEN]) * HALVES * _USUAL_FEATURES + 2 * min(n_ids, _KEPT_IDS))
    places = (_DOUBLE + _FLOAT) * context
    examples = (TOP_EXAMPLES + RANDOM_ROWS) * (_FLOAT * (WINDOW + 1) + 2 * _DOUBLE)
    syntax = _DOUBLE * (KEPT_PAIRS + _KEPT_SYNTAX) if has_syntax else 0
    return tokens + places + syntax + examples + _DOUBLE * (BINS + 2)


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
