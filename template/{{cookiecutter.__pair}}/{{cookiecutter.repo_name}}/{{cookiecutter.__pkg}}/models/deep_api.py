"""The REST API: what DEEPaaS calls, and the arguments that it accepts.

DEEPaaS finds this module through the entry point in ``pyproject.toml``. Nothing heavy is imported
while it is loaded: the work is done in processes of its own, which import the framework there.
"""

from __future__ import annotations

import warnings
from dataclasses import fields as options_of
from email.message import Message
from email.utils import getaddresses
from importlib import import_module
from io import BytesIO
from pathlib import Path
from typing import Any, cast

from marshmallow import ValidationError, fields, validate

from ..config import TrainConfig, distribution
from ..features import inputs
from . import runs

JSON, PNG = "application/json", "image/png"

_RUN_NAME = validate.Regexp(
    f"^{runs.NAME_PATTERN}$", error="Use letters, digits, '.', '_' and '-'."
)
_REMOTE = validate.Regexp(
    r"^\w[\w.+@ -]*:[^\n]*$", error="Write name:path, such as rshare:my-data."
)


class JSONArray(fields.String):
    """Pictures as numbers: a JSON array, or its text where only text can be sent."""

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> Any:
        try:
            read = inputs.from_json if isinstance(value, str) else inputs.from_numbers
            return read(value).tolist()
        except ValueError as error:
            message = str(error)
            raise ValidationError(f"{message[:1].upper()}{message[1:]}.") from error


class Accept(fields.String):
    """An Accept header as browsers and HTTP libraries send it: the first type that we have."""

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> Any:
        types = [part.split(";")[0].strip().lower() for part in str(value).split(",")]
        ours = {JSON: JSON, PNG: PNG, "*/*": JSON, "application/*": JSON, "image/*": PNG}
        return next((ours[each] for each in types if each in ours), value)


def _is_upload(value: Any) -> None:
    # A text in place of the file would be taken for the name of a file on the server.
    if value is not None and not hasattr(value, "filename"):
        raise ValidationError("Upload a PNG or JPEG file.")


def get_metadata() -> dict[str, Any]:
    """Who made this model, from what is installed; see ``pyproject.toml``."""
    installed = distribution()
    about = cast(Message, installed.metadata)
    # Authors with an address are in one field, those without in the other (PEP 621).
    people = getaddresses(about.get_all("Author-email", []))
    names = [name or address for name, address in people] + about.get_all("Author", [])
    urls = dict(text.split(", ", 1) for text in about.get_all("Project-URL", []))
    return {
        "name": about["Name"],
        "version": installed.version,
        "description": about.get("Summary", ""),
        "author": ", ".join(names),
        "author-email": ", ".join(address for _, address in people),
        # PEP 639 renamed the field.
        "license": about.get("License-Expression") or about.get("License") or "none",
        "url": next(iter(urls.values()), ""),
        "urls": urls,
    }


def warm() -> None:
    """Import the framework, and the newest network if there is one, before the first request."""
    from . import predict

    # Always, so that what cannot be imported stops the start-up and not the first request.
    import_module(".network", __package__)
    trained = [run for run in runs.list_runs() if run.ended]
    if trained:
        predict.load(trained[-1].path)
    else:
        _log("no trained model yet: start a training first")


def get_train_args() -> dict[str, fields.Field]:
    """The arguments of a training: the fields of ``TrainConfig``, a name, and remote storages."""
    arguments: dict[str, fields.Field] = {}
    for option in options_of(TrainConfig):
        low, high = option.metadata["low"], option.metadata["high"]
        kind = fields.Integer if isinstance(option.default, int) else fields.Float
        arguments[option.name] = kind(
            load_default=option.default,
            validate=validate.Range(low, high),
            metadata={"description": f"{option.metadata['help']}; {low:g} to {high:.10g}"},
        )
    arguments["name"] = fields.String(
        load_default=None,
        allow_none=True,
        validate=_RUN_NAME,
        metadata={"description": "name of the run; without it, the time"},
    )
    arguments["data"] = fields.String(
        load_default=None,
        allow_none=True,
        validate=_REMOTE,
        metadata={
            "description": "folder of a remote storage to bring the raw data from first, such as "
            "rshare:my-data; without it, the data that is there"
        },
    )
    arguments["push"] = fields.String(
        load_default=None,
        allow_none=True,
        validate=_REMOTE,
        metadata={
            "description": "folder of a remote storage to copy the run to when it has ended, such "
            "as rshare:my-models; without it, the run stays here only"
        },
    )
    return arguments


def train(
    name: str | None = None, data: str | None = None, push: str | None = None, **options: Any
) -> dict[str, Any]:
    """Train a network; returns the run's name and what its ``metrics.json`` holds."""
    from .train import train as train_network

    config = TrainConfig(**options)
    metrics = train_network(config, name=name, say=_log, data=data, push=push)
    return {"run": metrics["run"], "metrics": metrics}


def _log(line: str) -> None:
    """Print at once: the server's log is rarely a terminal."""
    print(line, flush=True)


def get_predict_args() -> dict[str, fields.Field]:
    """The arguments of a prediction: a picture or numbers, the run, and the kind of answer."""
    with warnings.catch_warnings():
        # The plain Field is what deepaas-cli recognises as a file.
        warnings.filterwarnings("ignore", message="`Field` should not be instantiated")
        image = fields.Field(
            load_default=None,
            allow_none=True,
            validate=_is_upload,
            metadata={
                "type": "file",
                "location": "form",
                "description": "an image of one digit, PNG or JPEG, of any size; "
                "or a file that holds what data takes",
            },
        )
    return {
        "image": image,
        "data": JSONArray(
            load_default=None,
            allow_none=True,
            metadata={
                "description": "instead of an image: a JSON array of 8x8 or N x 8x8 numbers, "
                "from 0 (paper) to 16 (full ink)"
            },
        ),
        "run": fields.String(
            load_default=None,
            allow_none=True,
            validate=_RUN_NAME,
            metadata={"description": "training run whose network answers; without it, the newest"},
        ),
        "accept": Accept(
            load_default=JSON,
            validate=validate.OneOf([JSON, PNG]),
            metadata={
                "location": "headers",
                "description": "JSON, or the picture with a chart of the probabilities",
            },
        ),
    }


def predict(
    image: Any = None, data: Any = None, run: str | None = None, accept: str = JSON
) -> list[dict[str, Any]] | BytesIO:
    """Classify a picture or numbers.

    Args:
        image: DEEPaaS's UploadedFile, whose ``filename`` is where the picture (or JSON) lies.
        data: numbers, as :func:`inputs.from_numbers` takes them, or their JSON text.
        run: the training run to use; without it, the newest.
        accept: ``application/json`` or ``image/png``.

    Returns:
        for JSON, one answer per picture; for PNG, the file.

    Raises:
        ValueError: not exactly one of ``image`` and ``data`` is given, or it cannot be used.
    """
    from ..visualization.visualize import annotated
    from .predict import predict as classify

    if (image is None) == (data is None):
        raise ValueError("give either image (a file) or data (numbers), one of them")
    if image is not None:
        source = image.original_filename or "image"
        pictures = inputs.from_file(Path(image.filename).read_bytes(), source)
    else:
        pictures = inputs.from_json(data) if isinstance(data, str) else inputs.from_numbers(data)
        source = "data"
    if accept == PNG and len(pictures) > 1:
        raise ValueError(f"a picture shows one answer, and these are {len(pictures)}")
    answers = classify(pictures, source, runs.find_run(run))
    if accept == PNG:
        first = answers[0]
        return BytesIO(annotated(first.image, first.label, first.probabilities))
    return [answer.as_json() for answer in answers]
