"""How true and false are written; a column of booleans has one word for each in every file."""

WORDS = ("true", "false")
"""What all spellings are stored as. A column that has these alone, in any case, is a boolean."""

SPELLINGS = {
    **dict.fromkeys(("true", "t", "yes", "y", "1", "1.0"), "true"),
    **dict.fromkeys(("false", "f", "no", "n", "0", "0.0"), "false"),
}
"""The word for each spelling, which may be in upper case too, with blanks around."""

_BLANKS = " \t\n\v\f\r"


def word_of(text: str) -> str | None:
    """The word for a spelling; None for any other text."""
    return SPELLINGS.get(text.strip(_BLANKS).lower())
