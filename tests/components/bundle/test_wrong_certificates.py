"""Certificates that were sealed again with values of the wrong type, and folders for files."""

import copy as copies
import json
import shutil
from pathlib import Path

import numpy as np
import pytest
import tf_keras

import huberflow
from huberflow.components.bundle import reload

WRONG = [None, True, 5, 1.5, "text", [], [None], {"a": {"b": [1]}}]


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    path = tmp_path_factory.mktemp("made") / "bundle"
    model = tf_keras.Sequential([tf_keras.layers.Dense(1)])
    model.compile("adam", huberflow.HuberLoss(2.0))
    rows = np.ones((2, 3), np.float32)
    huberflow.save_bundle(model, path, rows, labels=rows[:, :1], check=False)
    return path


@pytest.fixture
def bundle(made, tmp_path):
    return Path(shutil.copytree(made, tmp_path / "bundle"))


def places(certificate, place=()):
    """Each field, and the first element or name of what it holds, at any depth."""
    for name, value in certificate.items():
        if (*place, name) in [("sha256",), ("schema_version",), ("training",), ("lineage",)]:
            continue
        yield (*place, name)
        if isinstance(value, list):
            value = {0: value[0]} if value else {}
        if isinstance(value, dict) and name != "config":
            yield from places(dict([*value.items()][:3]), (*place, name))


def changed(certificate, place, value):
    certificate = copies.deepcopy(certificate)
    holder = certificate
    for name in place[:-1]:
        holder = holder[name]
    holder[place[-1]] = value
    return certificate


def seal(bundle, certificate):
    (bundle / reload.layout.CERTIFICATE).write_text(reload.integrity.seal(certificate))


def said(bundle, capsys):
    """What the script prints, in one line, and its exit code."""
    code = reload.command_line.main([], bundle)
    (line,) = capsys.readouterr().out.splitlines()
    return code, line


def test_every_field_of_every_wrong_type_is_accepted_or_refused_in_a_line(bundle, capsys):
    certificate = json.loads((bundle / reload.layout.CERTIFICATE).read_text())
    refused = 0
    for place in places(certificate):
        for value in WRONG:
            seal(bundle, changed(certificate, place, value))
            code, line = said(bundle, capsys)
            assert code == 0 or line.startswith("refused: "), (place, value, line)
            refused += code
    assert refused > 300


@pytest.mark.parametrize(
    ("place", "value", "words"),
    [
        (("versions",), None, "versions: expected an object, received null"),
        (("versions",), {}, "versions lacks python"),
        (("machine", "threads"), [], "machine.threads: expected text or a whole number, received"),
        (("objects",), {}, "objects: expected a list, received an object"),
        (("objects",), ["x"], r"objects\[0\]: expected an object, received text"),
        (("golden", "rows"), 1.5, "golden.rows: expected a whole number, received a number"),
        (("golden", "rows"), True, "golden.rows: expected a whole number, received true or false"),
        (("tolerances", "float32"), 3, "tolerances.float32: expected an object, received a whole"),
        (("files", "saved_model.pb"), None, r"files.saved_model.pb: expected text, received null"),
    ],
)
def test_the_field_is_named(place, value, words, bundle):
    certificate = json.loads((bundle / reload.layout.CERTIFICATE).read_text())
    seal(bundle, changed(certificate, place, value))
    with pytest.raises(reload.ReloadError, match=words):
        reload.verify(bundle)


@pytest.mark.parametrize(("place", "value"), [(("tolerances", "float32"), {}), (("objects",), [])])
def test_what_is_lacking_is_told_by_a_check(place, value, bundle, capsys):
    """The form is right, and the model is loaded; no golden value is off on this machine."""
    certificate = json.loads((bundle / reload.layout.CERTIFICATE).read_text())
    seal(bundle, changed(certificate, place, value))
    reload.command_line.main(["--check"], bundle)
    lines = capsys.readouterr().out.splitlines()
    assert lines[-1] == "ok" or (lines[0].startswith("refused: ") and len(lines) == 1)


def test_a_signature_that_the_certificate_lacks_is_refused_by_a_check(bundle):
    certificate = json.loads((bundle / reload.layout.CERTIFICATE).read_text())
    seal(bundle, {**certificate, "signatures": {}})
    with pytest.raises(reload.ReloadError, match="has no signature serving_default"):
        reload.check(bundle)


@pytest.mark.parametrize("depth", [400, 100_000])
def test_nesting_without_end_is_refused_in_a_line(depth, bundle, capsys):
    text = '{"training": ' + "[" * depth + "]" * depth + "}"
    (bundle / reload.layout.CERTIFICATE).write_text(text)
    code, line = said(bundle, capsys)
    assert (code, line.startswith("refused: assets.extra/certificate.json: changed")) == (1, True)


@pytest.mark.parametrize("name", [reload.layout.SIGNATURE, reload.layout.CERTIFICATE])
def test_a_folder_in_place_of_a_file_is_refused_in_a_line(name, bundle, capsys):
    (bundle / name).unlink(missing_ok=True)
    (bundle / name).mkdir()
    code, line = said(bundle, capsys)
    assert code == 1
    assert line.startswith(f"refused: {name}: ")


def test_names_that_no_terminal_can_show_are_told(bundle, capsys):
    certificate = json.loads((bundle / reload.layout.CERTIFICATE).read_text())
    seal(bundle, changed(certificate, ("files", "\ud800"), "0" * 64))
    code, line = said(bundle, capsys)
    assert (code, line) == (1, r"refused: \ud800: missing from the bundle")
