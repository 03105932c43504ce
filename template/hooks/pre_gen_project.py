"""cookiecutter runs this before it renders: wrong answers stop here, with nothing written."""

import json
import sys
from pathlib import Path

ANSWERS = json.loads(r'{{ cookiecutter | tojson }}')

# the checkout or the installed package that this template belongs to
ROOT = next(
    folder
    for folder in Path(ANSWERS["_repo_dir"]).resolve().parents
    if (folder / "scaffold" / "questions.py").is_file()
)
sys.path.insert(0, str(ROOT))
sys.dont_write_bytecode = True

from scaffold.answers import folders  # noqa: E402
from scaffold.question import broken_rule  # noqa: E402
from scaffold.questions import QUESTIONS  # noqa: E402

problems = [
    f"{question.key}={ANSWERS[question.key]!r} {problem}"
    for question in QUESTIONS
    if (problem := broken_rule(question, ANSWERS[question.key], ANSWERS))
]
destination = Path.cwd().parent
for name in folders(ANSWERS).values():
    if not problems and name and (destination / name).exists():
        problems.append(f"already there: {destination / name}")
if problems:
    sys.exit("\n".join(f"error: {problem}" for problem in dict.fromkeys(problems)))
