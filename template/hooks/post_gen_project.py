"""cookiecutter runs this after it has rendered: git histories, and the repositories to their places.

cookiecutter renders one folder, so the repositories come inside one that goes away here. It renders all
folders of the template, each under a name of its own: what belongs together is put together here, and
what the layout does not want is removed.
"""

import json
import shutil
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
from scaffold.answers import folders  # noqa: E402
from scaffold.errors import MissingToolError, ScaffoldError  # noqa: E402
from scaffold.generate import first_history  # noqa: E402

bundle = Path.cwd()
names = [VALUES["repo_name"]]
for rendered, wanted in folders(VALUES).items():
    source = bundle / rendered
    for path in sorted(source.rglob("*")) if wanted else ():
        if path.is_file():
            target = bundle / wanted / path.relative_to(source)
            target.parent.mkdir(parents=True, exist_ok=True)
            path.rename(target)
    if wanted != rendered:
        shutil.rmtree(source)
    if wanted and wanted not in names:
        names.append(wanted)
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
