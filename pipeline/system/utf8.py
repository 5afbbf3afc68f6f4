"""Refuses names that are not UTF-8, which TensorFlow, TFX and protocol buffers cannot hold."""

import os
import sys

from huberflow.custom_objects.input_error import InputError


def check_utf8(key: str, text: str) -> None:
    """Refuses text that is not UTF-8, or that Python has read in another encoding.

    Example::

        >>> check_utf8("--data", "prix/été.csv")

    Args:
      key: the argument, or what else the user knows the text by.
      text: as Python got it from the system: a path or an argument.

    Raises:
      InputError: it cannot be the name of a file for all the libraries of a run.
    """
    try:
        content = os.fsencode(text)
        if content.decode() == text:
            return
        received = f"{text!a}, because this locale is {sys.getfilesystemencoding()}"
        hint, write = None, "export PYTHONUTF8=1"
    except UnicodeError:
        received, hint, write = ascii(text), "rename the file or folder", None
    raise InputError(
        key,
        expected="a name in UTF-8, as TensorFlow and TFX need it",
        received=received,
        hint=hint,
        write=write,
    )
