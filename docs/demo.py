"""`make demo`: from nothing to a prediction over HTTP, with the commands a user would type.

Uses nothing but the standard library and the `scaffold` on the PATH.
"""

from __future__ import annotations

import json
import os
import shlex
import subprocess
import sys
import urllib.request
import uuid
from pathlib import Path
from typing import Any

NAME = "Handwritten digits"
PICTURE = "data/raw/samples/digit-3.png"


def main(folder: Path) -> int:
    """Generate, train, serve and predict in `folder`; return the exit code."""
    # a fresh machine has no git identity yet, and a demonstration should not set one
    for role in ("AUTHOR", "COMMITTER"):
        os.environ.setdefault(f"GIT_{role}_NAME", "Demo User")
        os.environ.setdefault(f"GIT_{role}_EMAIL", "demo@example.org")
    model = folder / "handwritten_digits"
    if model.exists():
        print(f"{model} is there already: going on with it")
    else:
        run("scaffold", "new", str(folder), "--defaults", "--data", f"project_name={NAME}")
    run("scaffold", "train", str(model))
    picture = model / PICTURE
    run("scaffold", "predict", str(model), str(picture))
    answer = predict_over_http(model, picture)
    label, probability = answer["class"], answer["probabilities"][answer["class"]]
    print(f"The API's answer for {PICTURE}: {label} ({probability:.1%})")
    print()
    print(f"model repository      {model}")
    print(f"container repository  {folder / 'DEEP-OC-handwritten_digits'}")
    print(f"trained runs          {model / 'models'}")
    print(f"pictures              {model / 'reports' / 'figures'}")
    program = Path(sys.executable).parent / "scaffold"
    print(f"serve it again        {shlex.join([str(program), 'serve', str(model)])}")
    expected = picture.stem.removeprefix("digit-")
    if label != expected:
        print(f"The prediction is wrong: it should be {expected}.", file=sys.stderr)
        return 1
    return 0


def run(*command: str) -> None:
    """Show a command as a user would type it, and run it."""
    print(f"\n$ {shlex.join(command)}", flush=True)
    subprocess.run(command, check=True)


def predict_over_http(model: Path, picture: Path) -> dict[str, Any]:
    """Start the API, send it a picture, stop it; return its answer."""
    command = ("scaffold", "serve", str(model), "--port", "0", "--json")
    print(f"\n$ {shlex.join(command)}", flush=True)
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as server:
        assert server.stdout
        line = server.stdout.readline()
        if not line:
            raise SystemExit("the server did not start")
        url = json.loads(line)["url"]
        print(f"\nPOST {url}/v2/models/{model.name}/predict/ with {PICTURE}", flush=True)
        try:
            request = upload(f"{url}/v2/models/{model.name}/predict/", picture)
            # past HTTP_PROXY: the server is on this machine
            direct = urllib.request.build_opener(urllib.request.ProxyHandler({}))
            with direct.open(request, timeout=60) as reply:
                answer: dict[str, Any] = json.load(reply)["predictions"][0]
        finally:
            server.terminate()
    return answer


def upload(url: str, picture: Path) -> urllib.request.Request:
    """Return the request that a form with one file field, `image`, would send."""
    boundary = uuid.uuid4().hex
    head = (
        f'--{boundary}\r\nContent-Disposition: form-data; name="image"; '
        f'filename="{picture.name}"\r\nContent-Type: image/png\r\n\r\n'
    )
    body = head.encode() + picture.read_bytes() + f"\r\n--{boundary}--\r\n".encode()
    content = {"Content-Type": f"multipart/form-data; boundary={boundary}"}
    return urllib.request.Request(url, data=body, headers=content)  # noqa: S310 - our own http


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]).absolute()))
