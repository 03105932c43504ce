"""The command line: ``python -m`` and the name of this package."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable
from dataclasses import fields
from pathlib import Path
from typing import Any

from .config import FRAMEWORK, INSTALL, PACKAGE, TrainConfig, UserError, counted


def main(arguments: list[str] | None = None) -> int:
    """Run one command; returns what to exit with (0 done, 1 failed, 2 wrong usage, 3 missing)."""
    parser = _parser()
    options = parser.parse_args(arguments)
    try:
        options.command(options)
    except UserError as error:
        print(f"{PACKAGE}: {error}", file=sys.stderr)
        return error.exit_code
    except ModuleNotFoundError as error:
        if (error.name or "").split(".")[0] not in FRAMEWORK:
            raise
        print(f"{PACKAGE}: {error.name} is not installed: {INSTALL}", file=sys.stderr)
        return 3
    except KeyboardInterrupt as error:
        advice = f"; {error}" if str(error) else ""
        print(f"{PACKAGE}: interrupted{advice}", file=sys.stderr)
        return 130
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog=f"python -m {PACKAGE}",
        description="Train and use a network that reads handwritten digits.",
        epilog="A first try: train, then predict data/raw/samples/digit-3.png",
    )
    commands = parser.add_subparsers(title="commands", metavar="COMMAND", required=True)

    def add(command: Callable[[argparse.Namespace], None], summary: str) -> argparse.ArgumentParser:
        name = command.__name__.removeprefix("_")
        description = f"{summary[0].upper()}{summary[1:]}."
        sub = commands.add_parser(name, help=summary, description=description)
        sub.set_defaults(command=command)
        return sub

    data = add(_data, "bring the raw data to data/raw")
    data.add_argument(
        "--remote",
        metavar="NAME:PATH",
        help="copy it with rclone, such as from rshare:my-data, "
        f"instead of writing the bundled digits (or set {PACKAGE.upper()}_DATA_REMOTE)",
    )

    features = add(_features, "split and scale the raw data into data/processed")
    features.add_argument(
        "--seed", type=_number(int, 0, 2**31 - 1), default=0, help="of the split (default: 0)"
    )

    train = add(_train, "train a network; makes data and features first where they are missing")
    for option in fields(TrainConfig):
        low, high = option.metadata["low"], option.metadata["high"]
        kind = int if isinstance(option.default, int) else float
        train.add_argument(
            f"--{option.name.replace('_', '-')}",
            type=_number(kind, low, high),
            metavar="N" if kind is int else "X",
            help=f"{option.metadata['help']} (default: {option.default:g})",
        )
    train.add_argument(
        "--device",
        choices=("auto", "cpu", "gpu"),
        default="auto",
        help="what computes (default: a GPU if there is one that the framework can use)",
    )
    train.add_argument(
        "--precision",
        choices=("auto", "float32", "bfloat16"),
        default="auto",
        help="bfloat16 is mixed precision (default: it on GPUs that have it, else float32)",
    )
    which = train.add_mutually_exclusive_group()
    which.add_argument("--name", help="of the run (default: the time)")
    which.add_argument(
        "--resume",
        nargs="?",
        const="",
        metavar="RUN",
        help="go on with this run (default: the newest unfinished one) after its last whole epoch",
    )

    train.add_argument(
        "--data", metavar="NAME:PATH", help="bring the raw data from this rclone remote first"
    )
    train.add_argument(
        "--push",
        nargs="?",
        const="",
        metavar="NAME:PATH",
        help="copy the run to this rclone remote when it has ended "
        f"(default: what {PACKAGE.upper()}_MODELS_REMOTE says)",
    )
    train.add_argument("--json", action="store_true", help="print one JSON document, the metrics")

    evaluate = add(_evaluate, "measure a trained network on the test split")
    predict = add(_predict, "classify pictures")
    predict.add_argument(
        "files",
        nargs="+",
        type=Path,
        metavar="FILE",
        help="a PNG or JPEG picture of one digit, or a JSON array, 8x8 or N x 8x8, of ink 0 to 16",
    )
    predict.add_argument(
        "--annotate", type=Path, metavar="OUT.png", help="draw the picture and the probabilities"
    )
    for sub in (evaluate, predict):
        sub.add_argument("--json", action="store_true", help="print one JSON document")
    push = add(_push, "copy a training run to a remote storage, and check it there")
    push.add_argument(
        "--remote",
        metavar="NAME:PATH",
        help=f"an rclone path such as rshare:my-models (or set {PACKAGE.upper()}_MODELS_REMOTE)",
    )
    export = add(_export, "write a trained network for other programs")
    export.add_argument(
        "--output", type=Path, metavar="FOLDER", help="where to (default: models/export)"
    )
    for sub in (evaluate, predict, push, export):
        sub.add_argument("--run", help="the training run to use (default: the newest)")
    return parser


def _number(kind: type[int] | type[float], low: float, high: float) -> Callable[[str], Any]:
    """An argparse type: a number between ``low`` and ``high``."""

    def parse(text: str) -> int | float:
        try:
            value = kind(text)
        except ValueError:
            value = kind(low) - 1
        if not low <= value <= high:
            word = "a whole number" if kind is int else "a number"
            raise argparse.ArgumentTypeError(
                f"{text!r} is not {word} between {low:g} and {high:.10g}"
            )
        return value

    return parse


def _data(options: argparse.Namespace) -> None:
    from .dataset.make_dataset import load_raw, make_dataset

    folder = make_dataset(options.remote)
    raw = load_raw()
    print(f"{len(raw.labels)} images of {len(raw.classes)} classes in {folder}")


def _features(options: argparse.Namespace) -> None:
    from .features.build_features import build_features, load_features, processed_path

    build_features(options.seed)
    sizes = [f"{len(split.labels)} {name}" for name, split in load_features()[1].items()]
    print(f"{', '.join(sizes)} images in {processed_path()}")


def _train(options: argparse.Namespace) -> None:
    from .config import figures_path, models_path, models_remote
    from .models import runs, train

    given = {
        option.name: getattr(options, option.name)
        for option in fields(TrainConfig)
        if getattr(options, option.name) is not None
    }
    resume = None
    if options.resume is not None:
        if set(given) - {"epochs"}:
            raise UserError("with --resume only --epochs may change; the rest is the run's own")
        resume = runs.find_run(options.resume or None, ended=False)
        config = train.resumed(resume, given.get("epochs"))
    else:
        config = TrainConfig(**given)
    say = _to_standard_error if options.json else print
    push = options.push or models_remote()
    if options.push == "" and push is None:
        raise UserError(f"--push: name a remote, or set {PACKAGE.upper()}_MODELS_REMOTE")
    metrics = train.train(
        config,
        name=options.name,
        resume=resume,
        device=options.device,
        precision=options.precision,
        say=say,
        data=options.data,
        push=push if options.push is not None else None,
    )
    if options.json:
        print(json.dumps(metrics))
    elif "run" in metrics:
        accuracy, seconds = metrics["test_accuracy"], metrics["seconds"]
        length = counted(metrics["epochs"], "epoch")
        print(f"test accuracy {accuracy:.4f} after {length} in {seconds:.1f} s")
        print(f"run      {models_path() / metrics['run']}")
        print(f"figures  {figures_path()}")
        if "pushed" in metrics:
            print(f"pushed   {metrics['pushed']}")


def _to_standard_error(line: str) -> None:
    print(line, file=sys.stderr)


def _evaluate(options: argparse.Namespace) -> None:
    from .config import figures_path
    from .models.evaluate import evaluate
    from .models.runs import find_run
    from .visualization.visualize import confusion_matrix

    run = find_run(options.run)
    scores, features = evaluate(run)
    picture = figures_path() / "confusion-matrix.png"
    confusion_matrix(scores.confusion, features.classes, run.name, picture)
    recall = dict(zip(features.classes, scores.recall, strict=True))
    if options.json:
        result = {"run": run.name, "accuracy": scores.accuracy, "loss": scores.loss}
        print(json.dumps({**result, "recall": recall}))
        return
    print(f"run {run.name}: test accuracy {scores.accuracy:.4f}, loss {scores.loss:.4f}")
    for name, share in recall.items():
        print(f"  recall of {name}: {'no images' if share is None else f'{share:.4f}'}")


def _predict(options: argparse.Namespace) -> None:
    from .models.predict import predict, read_file
    from .models.runs import find_run
    from .storage import atomic
    from .visualization.visualize import annotated

    run = find_run(options.run)
    inputs = [(path, read_file(path)) for path in options.files]
    answers = [answer for path, images in inputs for answer in predict(images, str(path), run)]
    if options.annotate:
        if len(answers) > 1:
            raise UserError(f"--annotate draws one picture, and these are {len(answers)}")
        with atomic(options.annotate) as temporary:
            temporary.write_bytes(
                annotated(answers[0].image, answers[0].label, answers[0].probabilities)
            )
    if options.json:
        print(json.dumps([answer.as_json() for answer in answers], ensure_ascii=False))
        return
    # A short trial run counts as the newest model too: the answer must show whose it is.
    reached = "" if run.accuracy is None else f" (test accuracy {run.accuracy:.4f})"
    print(f"run {run.name}{reached}")
    for answer in answers:
        ranked = sorted(answer.probabilities.items(), key=lambda item: -item[1])
        first, *others = [f"{name} ({share:.1%})" for name, share in ranked[:3]]
        print(f"{answer.source}: {first}, then {', '.join(others)}")


def _push(options: argparse.Namespace) -> None:
    from .models.runs import find_run
    from .models.train import push_run

    print(push_run(find_run(options.run), options.remote, _to_standard_error))


def _export(options: argparse.Namespace) -> None:
    from .models.export import export
    from .models.runs import find_run

    for path in export(find_run(options.run), options.output):
        print(path)


if __name__ == "__main__":
    sys.exit(main())
