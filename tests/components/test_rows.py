"""Which files hold which rows."""

import pytest

from components.rows import split_files

FILES = [f"/a/Examples/examples/1/Split-{name}/*" for name in ("validation", "eval", "evaluation")]


class TestSplitFiles:
    @pytest.mark.parametrize("name", ["validation", "eval", "evaluation"])
    def test_are_those_of_one_split(self, name):
        assert split_files(FILES, name) == [f"/a/Examples/examples/1/Split-{name}/*"]

    def test_of_another_split_are_none(self):
        assert split_files(FILES, "test") == []

    def test_are_all_of_several_artifacts(self):
        files = ["/1/Split-eval/*", "/1/Split-validation/*", "/2/Split-eval/*"]
        assert split_files(files, "eval") == ["/1/Split-eval/*", "/2/Split-eval/*"]
