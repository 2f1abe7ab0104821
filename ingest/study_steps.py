"""Steps of a model's training as a study writes them: numbers, ranges, and the place of a number in a path."""

from __future__ import annotations

import re

PLACE = re.compile(r"\{step(?::0(\d+)d)?\}")
_KEYS = ("from", "to", "every")
# Far more checkpoints than anybody has; a typing error must not fill the memory.
_MOST = 100_000


def at_step(text: str, step: int) -> str:
    """The text with every {step} or {step:07d} replaced by the number."""
    return PLACE.sub(lambda found: str(step).zfill(int(found[1] or 0)), text)


def listed(steps: object) -> object:
    """Steps with every range { from = 0, to = 10, every = 5 } written out; what is no range stays.

    Raises:
        ValueError: if a range says no steps.
    """
    if isinstance(steps, dict):
        return _in_range(steps)
    if isinstance(steps, list):
        return [step for each in steps for step in (_in_range(each) if isinstance(each, dict) else [each])]
    return steps


def _in_range(said: dict[str, object]) -> list[int]:
    numbers = [value for value in said.values() if isinstance(value, int) and not isinstance(value, bool)]
    if set(said) != set(_KEYS) or len(numbers) < len(_KEYS):
        raise ValueError("a range has three whole numbers: { from = 1000, to = 143000, every = 1000 }")
    first, last, every = (int(str(said[key])) for key in _KEYS)
    shown = f"from {first} to {last} every {every}"
    if every < 1 or first < 0 or last < first:
        raise ValueError(f"there are no steps {shown}: from is 0 or more, to no smaller, every 1 or more")
    if (last - first) % every:
        raise ValueError(f"steps {shown} end at {last - (last - first) % every}: write that, or another every")
    if (last - first) // every >= _MOST:
        raise ValueError(f"steps {shown} are {(last - first) // every + 1}, more than {_MOST}")
    return list(range(first, last + 1, every))
