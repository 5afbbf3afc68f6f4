"""Shortens texts so that those that differ still look different."""

from collections.abc import Iterable, Mapping
from itertools import pairwise
from os.path import commonprefix

GAP = "…"


def told_apart(texts: Iterable[str], longest: int) -> Mapping[str, str]:
    """A short form of each text: its start, where it differs from the others, and its end.

    No two forms are the same. They have at most ``longest`` characters, unless that takes more.

    Args:
      texts: any, each counts once.
      longest: of a form; a text that is not longer is its own.
    """
    ordered = sorted(set(texts))
    # In this order no other text has more of a text's start than one of its neighbours.
    shared = [len(commonprefix(pair)) for pair in pairwise(ordered)]  # noqa: RUF071 (by letters)
    splits = [max(pair) for pair in pairwise([0, *shared, 0])]
    while True:
        forms = {
            text: _shortened(text, split, longest)
            for text, split in zip(ordered, splits, strict=False)
        }
        if len(set(forms.values())) == len(forms):
            return forms
        longest *= 2


def _shortened(text: str, split: int, longest: int) -> str:
    """The text's start, what follows its first ``split`` characters, and its end."""
    if len(text) <= longest:
        return text
    part = (longest - 2 * len(GAP)) // 3
    begin = min(max(split, part), len(text) - 2 * part)
    before = GAP if begin > part else ""
    after = GAP if begin + part < len(text) - part else ""
    return f"{text[:part]}{before}{text[begin : begin + part]}{after}{text[-part:]}"
