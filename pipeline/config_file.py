"""Reads, explains and writes configs: defaults, then a YAML file, then ``--set``; the last wins."""

import difflib
import json
import re
import shlex
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import yaml
from pydantic import BaseModel, ValidationError

from pipeline.config import Choice, Config, paths_of


class ConfigError(Exception):
    """The config is wrong; each line of the message is one mistake and what to write instead."""


def load(path: Path | None = None, settings: Sequence[str] = ()) -> Config:
    """The config of a run.

    Args:
      path: a YAML file with any of the keys of ``Config``.
      settings: ``a.b=value`` each; the value is YAML.

    Raises:
      ConfigError: a file or setting is wrong; says which, what was expected, what to write.
    """
    asked = [*([_read(path)] if path is not None else []), *map(_parse_setting, settings)]
    together: dict[str, Any] = {}
    for over in asked:
        together = merge(together, over)
    values = _defaults(together)
    for over in asked:
        values = merge(values, over)
    with _objects_of(together) as check:
        try:
            # JSON mode reads lists as tuples and text as paths, and is strict about all else.
            config = Config.model_validate_json(json.dumps(values, default=str))
        except ValidationError as error:
            raise ConfigError("\n".join(_explain(error))) from error
        check(config)
    return _with_splits(config)


def _with_splits(config: Config) -> Config:
    """Where the config leaves open how a column splits the rows, as they say; they are checked."""
    if not config.data.paths():
        return config
    from pipeline import own_data

    with _data_errors():
        return own_data.with_splits(config)


def _defaults(asked: Mapping[str, Any]) -> dict[str, Any]:
    """All values, for what is asked to be laid over: on data of the user's own, as these decide."""
    data = asked.get("data")
    if not isinstance(data, Mapping) or not paths_of(data):
        return Config().plain()
    from pipeline import own_data  # reads files, by libraries that take a while to import

    with _data_errors():
        return own_data.defaults(asked)


@contextmanager
def _data_errors() -> Iterator[None]:
    from components.data.files import DataError

    try:
        yield
    except DataError as error:
        raise ConfigError(str(error)) from error


@contextmanager
def _objects_of(asked: Mapping[str, Any]) -> Iterator[Callable[[Config], None]]:
    """Inside, a config may name the user's own objects; yields what tries them as it does."""
    from pipeline import own_objects
    from pipeline.workspace import WorkspaceError

    try:
        if not own_objects.used(asked):
            yield lambda config: None
            return
        own_objects.make_known(asked)
        yield own_objects.check
    except (own_objects.ObjectsError, WorkspaceError) as error:
        raise ConfigError(str(error)) from error


def merge(base: Mapping[str, Any], over: Mapping[str, Any]) -> dict[str, Any]:
    """``over`` on top of ``base``, mapping by mapping.

    An object that gets another ``name`` drops the arguments of the one before.
    """
    renamed = "config" in base and over.get("name", base.get("name")) != base.get("name")
    merged = {**base, "config": {}} if renamed else dict(base)
    for key, value in over.items():
        below = merged.get(key)
        if not isinstance(value, Mapping) or key in _WHOLE:
            merged[key] = value
        elif isinstance(below, Mapping):
            merged[key] = merge(below, value)
        elif isinstance(below, list) and all(str(place).isdigit() for place in value):
            # `--set training.metrics.0.config.threshold=2.0`
            items = merge({str(place): item for place, item in enumerate(below)}, value)
            merged[key] = list(items.values())
        else:
            merged[key] = value
    return merged


_WHOLE = {"cyclic", "dates", "left_out", "values"}
"""Mappings whose keys are the user's: given anew, not merged."""


def to_yaml(config: Config) -> str:
    """The config as YAML, each key under its description."""
    return "\n".join(_yaml_lines(config, 0)) + "\n"


def _yaml_lines(model: BaseModel, depth: int) -> Iterable[str]:
    indent = "  " * depth
    for key, field in type(model).model_fields.items():
        value = getattr(model, key)
        section = isinstance(value, BaseModel) and not isinstance(value, Choice)
        if section:
            if depth == 0:
                yield ""
            yield f"{indent}# {(type(value).__doc__ or '').strip()}"
            yield f"{indent}{key}:"
            yield from _yaml_lines(value, depth + 1)
            continue
        if field.description:
            yield f"{indent}# {field.description}"
        yield from (indent + line for line in _yaml_value(field.alias or key, _plain(value)))


def _yaml_value(key: str, value: Any) -> list[str]:
    """``key: value``, a list of mappings with an item a line, all else in one line if it fits."""
    if isinstance(value, list) and any(isinstance(item, dict) for item in value):
        return [f"{key}:", *(f"  - {_flow(item)}" for item in value)]
    line = f"{key}: {_flow(value)}"
    if len(line) > 90 and isinstance(value, list):
        return [f"{key}:", *(f"  - {_flow(item)}" for item in value)]
    return [line]


def _flow(value: Any) -> str:
    text = yaml.dump(value, Dumper=_Dumper, default_flow_style=True, sort_keys=False, width=10**6)
    return text.removesuffix("\n").removesuffix("\n...")


def _plain(value: Any) -> Any:
    if isinstance(value, BaseModel):
        return {
            key: _plain(item)
            for key, item in value
            if item is not None and not (key == "config" and item == {})
        }
    if isinstance(value, tuple | list):
        return [_plain(item) for item in value]
    return str(value) if isinstance(value, Path) else value


def _read(path: Path) -> dict[str, Any]:
    try:
        values = _parse(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise ConfigError(
            f"--config: expected a readable file, received {path} ({error.strerror}); "
            "write a first one with: huberflow config > my.yaml"
        ) from error
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise ConfigError(f"--config: {path} is not YAML: {_in_one_line(error)}") from error
    if values is None:
        return {}
    if not isinstance(values, dict):
        raise ConfigError(
            f"--config: expected a mapping of keys in {path}, received "
            f"{type(values).__name__}; write: training: {{epochs: 5}}"
        )
    return values


def _parse_setting(setting: str) -> dict[str, Any]:
    key, separator, text = setting.partition("=")
    if not separator or not all(key.strip().split(".")):
        raise ConfigError(
            f"--set: expected key=value, received {setting!r}; "
            "write: --set training.loss.config.threshold=2.0"
        )
    try:
        value = _parse(text)
    except yaml.YAMLError as error:
        raise ConfigError(f"--set {key}: {text!r} is not YAML: {_in_one_line(error)}") from error
    for part in reversed(key.strip().split(".")):
        value = {part: value}
    return value


def _parse(text: str) -> Any:
    return yaml.load(text, _Loader)  # noqa: S506 (it is a SafeLoader)


def _in_one_line(error: Exception) -> str:
    return " ".join(str(error).split())


class _Loader(yaml.SafeLoader):
    """YAML whose keys are text as written, each once, and where 1e-3 is a number."""

    def construct_mapping(self, node: Any, deep: bool = False) -> dict[Any, Any]:
        """Refuses a key that is given twice: PyYAML forgets the first in silence."""
        keys = [key for key, _ in node.value if isinstance(key, yaml.ScalarNode)]
        written = [key.value for key in keys]
        for key in keys:
            if written.count(key.value) > 1:
                raise yaml.YAMLError(f"{key.value!r} is given twice")
            if key.tag != "tag:yaml.org,2002:merge":
                key.tag = "tag:yaml.org,2002:str"  # else `on` is True, and 7 a number
        return super().construct_mapping(node, deep)


class _Dumper(yaml.SafeDumper):
    """Quotes text that ``_Loader`` would take for a number."""


for _yaml in (_Loader, _Dumper):
    _yaml.add_implicit_resolver(
        "tag:yaml.org,2002:float",
        re.compile(r"[-+]?(\d+\.?\d*|\.\d+)[eE][-+]?\d+$"),  # YAML 1.1 wants 1.0e-3
        list("-+.0123456789"),
    )


def _explain(error: ValidationError) -> Iterable[str]:
    mistakes = error.errors()
    for mistake in mistakes:
        path = [str(part) for part in mistake["loc"]]
        if mistake["type"] == "extra_forbidden":
            yield _unknown_key(path)
        elif mistake["type"] == "too_short" and _has_deeper(mistake["loc"], mistakes):
            continue  # pydantic also counts the items that it refused
        else:
            path, reason = _located(path, _expectation(mistake))
            form = "" if "; write: " in reason else _correct_form(path)
            yield f"{'.'.join(path)}: {reason}{form}"


def _has_deeper(place: tuple[Any, ...], mistakes: Iterable[Any]) -> bool:
    return any(m["loc"] != place and m["loc"][: len(place)] == place for m in mistakes)


def _expectation(mistake: Any) -> str:
    context = mistake.get("ctx", {})
    if mistake["type"] == "value_error":
        reason = str(context["error"])
    elif mistake["type"] == "too_short":
        reason = f"expected at least {context['min_length']} item"
    elif mistake["type"] == "missing":
        reason = "expected this key"
    elif mistake["type"] == "string_pattern_mismatch":
        reason = f"expected text like {context['pattern']}"
    else:
        reason = mistake["msg"].replace("Input should be", "expected")
    return reason if "received" in reason else f"{reason}, received {_flow(mistake['input'])}"


def _located(path: list[str], reason: str) -> tuple[list[str], str]:
    """Our own checks of a section name the key below it: ``config.threshold: expected …``."""
    below, separator, rest = reason.partition(": ")
    if separator and " " not in below:
        return path + below.split("."), rest
    return path, reason


def _correct_form(path: Sequence[str]) -> str:
    default = _lookup(Config().plain(), path)
    if default is None:
        return "; see: huberflow config"
    if isinstance(default, dict | list) and not path[-1].isdigit():
        return f"; write, for example: {path[-1]}: {_flow(_plain_default(path))}"
    setting = f"{'.'.join(path)}={_flow(_plain_default(path))}"
    return f"; write, for example: --set {shlex.quote(setting)}"


def _plain_default(path: Sequence[str]) -> Any:
    value: Any = Config()
    for part in path:
        if isinstance(value, BaseModel):
            value = getattr(value, part)
        else:
            value = value[int(part)] if isinstance(value, tuple) else value[part]
    return _plain(value)


def _unknown_key(path: Sequence[str]) -> str:
    siblings = _lookup(Config().plain(), path[:-1])
    known = list(siblings) if isinstance(siblings, dict) else []
    close = difflib.get_close_matches(path[-1], known, n=1)
    elsewhere = [key for key in _all_keys(Config().plain()) if key.endswith("." + path[-1])]
    hint = ".".join([*path[:-1], close[0]]) if close else next(iter(elsewhere), None)
    names = f"expected one of: {', '.join(known)}" if known else "see: huberflow config"
    expected = f"did you mean {hint}?" if hint else names
    return f"{'.'.join(path)}: no such key; {expected}"


def _all_keys(values: Mapping[str, Any], prefix: str = "") -> Iterable[str]:
    for key, value in values.items():
        yield prefix + key
        if isinstance(value, dict):
            yield from _all_keys(value, f"{prefix}{key}.")


def _lookup(values: Any, path: Sequence[str]) -> Any:
    for part in path:
        if isinstance(values, list) and part.isdigit() and int(part) < len(values):
            values = values[int(part)]
        elif isinstance(values, Mapping) and part in values:
            values = values[part]
        else:
            return None
    return values
