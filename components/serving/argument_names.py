"""Names for the arguments of the signature ``columns``: a column may be called anything.

Three readers see an argument. TensorFlow traces a function of it, so that it must be an identifier
of its own in upper or lower case. TensorFlow Serving, MLflow and the C API read the signature's
inputs in the file, which may have any name: there it is the column's. TensorFlow's loader in Python
calls the function by the keywords in the file, and takes all but letters and digits for ``_``.
"""

import keyword
import re
from collections import Counter
from collections.abc import Collection

from tensorflow.core.protobuf import meta_graph_pb2


def traced_names(columns: Collection[str]) -> dict[str, str]:
    """The name that each column's argument is traced under: its own where that is possible.

    The others are ``column_0`` and so on, which no column can be taken for.
    """
    folded = Counter(map(_folded, columns))
    prefix = "column_"
    while any(name.startswith(prefix) for name in folded):
        prefix += "_"
    return {
        name: name if _can_be_traced(name) and folded[_folded(name)] == 1 else f"{prefix}{place}"
        for place, name in enumerate(columns)
    }


def keywords(columns: Collection[str]) -> dict[str, str]:
    """The keyword of each column's argument in Python: its own name where that is possible."""
    traced = traced_names(columns)
    readings = Counter(map(_as_read, traced))
    return {
        name: name if readings[_as_read(name)] == 1 and name != "self" else argument
        for name, argument in traced.items()
    }


def traced_inputs(graph: meta_graph_pb2.MetaGraphDef, signature: str) -> dict[str, str]:
    """Of a saved model, the traced names of the inputs that have another name in the file."""
    nodes = graph.object_graph_def.nodes
    of_model = {each.local_name: nodes[each.node_id] for each in nodes[0].children} if nodes else {}
    if "signatures" not in of_model:  # written by TensorFlow 1
        return {}
    functions = {each.local_name: each.node_id for each in of_model["signatures"].children}
    function = nodes[functions[signature]].bare_concrete_function.concrete_function_name
    saved = graph.object_graph_def.concrete_functions[function]
    _, traced = saved.canonicalized_input_signature.tuple_value.values
    return {
        name: tensor.name.removeprefix(f"{signature}_").removesuffix(":0")
        for name, tensor in graph.signature_def[signature].inputs.items()
        if name not in traced.dict_value.fields
    }


def _can_be_traced(name: str) -> bool:
    is_identifier = re.fullmatch("[A-Za-z][A-Za-z0-9_]*", name) is not None
    return is_identifier and not keyword.iskeyword(name) and name != "self"


def _folded(name: str) -> str:
    """Equal for names of which TensorFlow makes one name of an op."""
    return re.sub("[^a-z0-9]", "_", name.lower())


def _as_read(name: str) -> str:
    """Equal for keywords that TensorFlow's loader takes for one."""
    word = "".join(letter if letter.isalnum() else "_" for letter in name)
    return word if word[0].isalpha() else f"arg_{word}"
