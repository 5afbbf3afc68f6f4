"""The lines that install what is missing: in the `.venv` of `make`, and in a user's environment."""

import sys

import pytest

from huberflow.installation import glibc, remedies

LINES = (remedies.install, remedies.restore, remedies.reinstall)


@pytest.fixture
def environment(monkeypatch):
    def set_to(version, *, made_by_make=False):
        monkeypatch.setattr(remedies, "made_by_make", lambda: made_by_make)
        monkeypatch.setattr(glibc, "version", lambda: version)

    return set_to


def test_this_environment_is_that_of_make(monkeypatch, tmp_path):
    assert remedies.made_by_make()
    monkeypatch.setattr(sys, "prefix", str(tmp_path))
    assert not remedies.made_by_make()


def test_only_the_environment_of_make_is_made_anew(environment):
    environment((2, 36), made_by_make=True)
    anew = "rm -rf .venv && make setup"
    assert [line("tfx") for line in LINES] == ["make setup", anew, anew]


def test_a_users_environment_is_added_to(environment):
    environment((2, 41))
    assert remedies.install("huberflow[tfx]") == 'pip install "huberflow[tfx]"'
    assert remedies.restore("tfx==1.21.*") == 'pip install "tfx==1.21.*"'
    assert remedies.reinstall("a==1", "b==2") == (
        'pip install "a==1" "b==2" --force-reinstall --no-deps'
    )


def test_uv_and_the_repair_where_pip_refuses_the_wheels(environment):
    environment((2, 36))
    for line in LINES:
        for needed in ("huberflow[tfx]", "ml-metadata==1.21.0"):
            assert line(needed).startswith(f'uv pip install "{needed}"')
            assert line(needed).endswith("x86_64-manylinux_2_39 && huberflow doctor --repair")
        assert line("huberflow[mlflow]").startswith("pip install")
