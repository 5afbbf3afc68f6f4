"""What a bundle's golden values prove, and what not."""

from collections.abc import Collection, Iterator, Mapping

from huberflow.components.bundle import reload

TRAINING, EXPORTING, NONE = "training process", "exporting process", "none"
DIFFER = "they differ each time, whatever the seed"

AS_TRAINED, AVERAGE = "as trained", "moving average"
NOT_AVERAGE = "as trained, not their moving average"
NOT_KNOWN = "not known, of an optimizer that averages them"
"""Which weights a model has: ``use_ema`` makes an optimizer keep a moving average of them."""


def proof(
    model: str,
    weights: str,
    signatures: Mapping[str, str],
    values: Collection[str],
    lacking: str,
    differing: Mapping[str, Collection[str]] | None = None,
) -> reload.layout.Proof:
    """The certificate's ``proof``.

    Args:
      model: the process that gave the values of the Keras model.
      weights: which weights the model has, see ``optimizer_state.served_weights``.
      signatures: the same for the answers of each signature.
      values: the names of all golden values.
      lacking: why some values of the model are not there.
      differing: for signatures that were asked, the outputs that differ each time.

    Example::

        >>> values = ["model/prediction", "steps"]
        >>> proof(TRAINING, AVERAGE, {"raw": NONE}, values, "no labels")["statement"]
        'Proves: predictions and two training steps, as in the training process. Does not prove: \
loss and metrics (no labels); the answers of raw (no requests). Weights: moving average.'
    """
    held = list(_of_model(values))
    statements = [
        f"{_listed([*(held if model == origin else []), *_answers(signatures, origin)])}, "
        f"as in the {origin}"
        for origin in (TRAINING, EXPORTING)
        if (held and model == origin) or origin in signatures.values()
    ]
    missing = [each for each in _KINDS if each not in held]
    unproven = [f"{_listed(missing)} ({lacking})"] if missing else []
    differing = {name: outputs for name, outputs in (differing or {}).items() if outputs}
    unproven += [
        f"{_listed(sorted(outputs))} of the answers of {name} ({DIFFER})"
        for name, outputs in sorted(differing.items())
    ]
    unasked = {name: each for name, each in signatures.items() if name not in differing}
    unproven += [f"{each} (no requests)" for each in _answers(unasked, NONE)]
    statement = f"Proves: {'; '.join(statements)}." if statements else _FILES_ALONE
    if unproven:
        statement += f" Does not prove: {'; '.join(unproven)}."
    if weights != AS_TRAINED:
        statement += f" Weights: {weights}."
    return {
        "model": model,
        "weights": weights,
        "signatures": dict(signatures),
        "lacking": lacking if missing else "",
        "statement": statement,
    }


_FILES_ALONE = "Proves only that no file has changed since the export."
_KINDS = ("predictions", "loss", "metrics", "two training steps")


def _of_model(values: Collection[str]) -> Iterator[str]:
    """The kinds of a model's values that are there."""
    predictions = {name for name in values if f"{name}/".startswith("model/prediction/")}
    if predictions:
        yield "predictions"
    if any(name.startswith("model/") for name in set(values) - predictions):
        yield from ("loss", "metrics")
    if "steps" in values:
        yield "two training steps"


def _answers(signatures: Mapping[str, str], origin: str) -> list[str]:
    names = sorted(name for name, each in signatures.items() if each == origin)
    return [f"the answers of {_listed(names)}"] if names else []


def _listed(words: Collection[str]) -> str:
    *first, last = words
    return f"{', '.join(first)} and {last}" if first else last
