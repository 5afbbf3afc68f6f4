"""Names that a column of a CSV or Parquet file may have, and that some library trips over."""

import keyword

from hypothesis import strategies as st

KEYWORDS = ["from", "class", "None", "True", "lambda", "self", "cls", "args", "kwargs", "__init__"]
OURS = [
    "prediction",
    "prediction_y",
    "probability_1",
    "label",
    "features",
    "numbers",
    "indices",
    "truth",
    "weight",
    "categories",
    "columns",
    "examples",
    "inputs",
    "column_0",
    "column_1",
    "calibration",
    "evaluation",
    "off",
    "null",
    "12",
    "1.5",
]
TFX = ["__raw_record__", "__truth__", "__together__", "__SLICE_KEYS__", "serialized", "slice", "*"]
MLFLOW = ["mlflow.note.content", "metrics", "params", "run_id", "b64", "signature_name"]
PANDAS_INDEX = "__index_level_0__"
"""A column that no model reads."""
PANDAS = ["index", "level_0", "row", "Unnamed: 0", PANDAS_INDEX, "values"]
FOLDED = [
    *("a.b", "a b", "a_b", "A_B"),
    *("Price", "price"),
    *("growth $", "growth %"),
    *("caf\u00e9", "cafe\u0301"),
    *("a=b", "a", "a.npy"),
    *(" padded", "padded "),
]
SIGNS = [
    *("/", "../up", "a/b", "a\\b", "C:", "~", "-", "--set", "."),
    *("%", "%41", "100%", "{}", "{x}", "$HOME", "`x`", "a;b", "a|b", "a&b", "#"),
    *("'", "it's", '"', 'say "x"', "a,b", "[0]", "a:b", "a>b", "<b>bold</b>", "<script>", "&amp;"),
    *("\t", "tab\there", "two\nlines", "bell\x07", "\u200b", "\u00a0", "\u202eright"),
    *("größe", "名前", "цена", "🚕", "İ", "ß", "ﬁ", "²", "1st", "_", "__"),
    "x" * 300,
]
NAMES = list(dict.fromkeys([*KEYWORDS, *OURS, *TFX, *MLFLOW, *PANDAS, *FOLDED, *SIGNS]))
"""Each is a name that something is made of on the way: an argument, an op, a key, a file, HTML."""

names = st.one_of(
    st.sampled_from(NAMES),
    st.sampled_from(keyword.kwlist),
    st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), min_size=1),
    st.text("aA._ $", min_size=1, max_size=3),  # many that are equal after any folding
)
"""Any name."""

tables = st.lists(names, min_size=1, max_size=12, unique=True)
"""The columns of a table."""
