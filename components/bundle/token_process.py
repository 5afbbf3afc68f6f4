"""Signs with a key in a token (PKCS #11), in a process of its own.

TensorFlow has a copy of OpenSSL in it, with which the drivers of tokens crash. The PIN goes through
a pipe, for others can read a command line.

Run as a script, this file is that process.
"""

import json
import subprocess
import sys
from collections.abc import Mapping
from typing import Any


class TokenError(Exception):
    """The token, its driver or the library refuses; the message says what, without the PIN."""


def run(request: Mapping[str, object]) -> None:
    """Logs in to a token, and signs a folder.

    Args:
      request: ``uri`` with the PIN; ``folder``, None to log in only; ``ignored``, paths in it;
        ``signature``, the file to write.

    Raises:
      TokenError: it failed.
    """
    done = subprocess.run(
        [sys.executable, "-I", __file__], input=json.dumps(request), capture_output=True, text=True
    )
    if done.returncode != 0:
        last = (done.stderr.splitlines() or [f"exit code {done.returncode}"])[-1]
        raise TokenError(last.replace(str(request["uri"]), "the address"))


def _sign(request: Mapping[str, Any]) -> None:
    from model_signing import hashing, signing

    config = signing.Config().use_pkcs11_signer(pkcs11_uri=request["uri"])
    if request["folder"] is not None:
        files = hashing.Config().set_ignored_paths(paths=request["ignored"], ignore_git_paths=False)
        config.set_hashing_config(files).sign(request["folder"], request["signature"])


if __name__ == "__main__":
    try:
        _sign(json.load(sys.stdin))
    except Exception as error:  # of PyKCS11, or of the driver
        sys.exit(" ".join(str(error).split()) or type(error).__name__)
