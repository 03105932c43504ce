"""cookiecutter runs this after it has rendered: git histories, and both folders to their places.

cookiecutter renders one folder, so the two repositories come inside one that goes away here.
"""

import json
import sys
from pathlib import Path

VALUES = json.loads(r'{{ cookiecutter | tojson }}')

# the checkout or the installed package that this template belongs to
ROOT = next(
    folder
    for folder in Path(VALUES["_repo_dir"]).resolve().parents
    if (folder / "scaffold" / "questions.py").is_file()
)
sys.path.insert(0, str(ROOT))
sys.dont_write_bytecode = True

from scaffold import history, janitor  # noqa: E402
from scaffold.errors import MissingToolError, ScaffoldError  # noqa: E402
from scaffold.generate import first_history  # noqa: E402

bundle = Path.cwd()
names = [VALUES["repo_name"], VALUES["__container"]]
try:
    history.check()
    for name in names:
        history.begin(bundle / name, first_history(VALUES, name))
except MissingToolError as error:
    print(f"No git history was begun: {error.message}. To have one: {error.hint}", file=sys.stderr)
except ScaffoldError as error:
    sys.exit(f"error: {error.message}")
try:
    janitor.move(names, str(bundle), str(bundle.parent))
except OSError as error:
    sys.exit(f"error: {error}")
bundle.rmdir()
