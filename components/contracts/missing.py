"""How people write that a value is missing, where an empty field would do.

Among numbers, dates and booleans such a mark stands for no value. Among words it is a word:
``NA`` may be Namibia, and ``None`` an answer.
"""

from collections.abc import Mapping

MARKS = (
    "na", "n/a", "#na", "#n/a", "#n/a n/a", "<na>", "nan", "-nan", "null", "none",
    "1.#ind", "-1.#ind", "1.#qnan", "-1.#qnan", "?", "-", "--", ".",
)  # fmt: skip
"""Those that pandas reads as missing by default, and four signs; in lower case."""

_BLANKS = " \t\n\v\f\r"


def is_mark(text: str) -> bool:
    """Whether a text is one of ``MARKS``, in upper or lower case, or nothing but blanks."""
    return text.strip(_BLANKS).lower() in ("", *MARKS)


def is_number(text: str) -> bool:
    """Whether a text is a number, which a request may spell otherwise, and no mark."""
    try:
        float(text)
    except ValueError:
        return False
    return not is_mark(text)


def texts_of(training: object) -> list[str]:
    """The texts that a model was trained to take for missing values, beside ``MARKS``.

    Args:
      training: of its certificate; another pipeline's has none.
    """
    texts = training.get("missing") if isinstance(training, Mapping) else None
    return [text for text in texts if isinstance(text, str)] if isinstance(texts, list) else []
