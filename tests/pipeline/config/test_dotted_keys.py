"""Settings by dotted key."""

from huberflow.pipeline.config.dotted_keys import flatten


class TestFlatten:
    def test_nested_values_get_dotted_keys(self):
        nested = {"a": {"b": {"c": 1}}, "d": [{"e": 2}, 3], "f": "text"}
        assert flatten(nested) == {"a.b.c": 1, "d.0.e": 2, "d.1": 3, "f": "text"}

    def test_a_list_of_plain_values_is_one_value(self):
        assert flatten({"hidden_units": [64, 32], "slices": [["a"], ["b", "c"]]}) == {
            "hidden_units": [64, 32],
            "slices": [["a"], ["b", "c"]],
        }

    def test_empty_mappings_leave_none(self):
        assert flatten({"a": {}, "b": [], "c": {"d": {}}, "e": 1}) == {"b": [], "e": 1}
