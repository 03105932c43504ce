"""Whether an image's tags are in its registry, by the registry's own API.

The OCI distribution specification, and the token that a registry may ask for:
https://distribution.github.io/distribution/spec/auth/token
"""

from __future__ import annotations

import os
import re

HUB = "https://registry-1.docker.io"
_MANIFESTS = ", ".join(
    (
        "application/vnd.oci.image.index.v1+json",
        "application/vnd.oci.image.manifest.v1+json",
        "application/vnd.docker.distribution.manifest.list.v2+json",
        "application/vnd.docker.distribution.manifest.v2+json",
    )
)
_SECONDS = 20.0
_PART = re.compile(r'(\w+)="([^"]*)"')


def name_of_image(text: str) -> str:
    """Return an image's name as `docker pull` takes it, from what metadata say of it.

    >>> name_of_image("https://hub.docker.com/r/deephdc/deep-oc-mods/")
    'deephdc/deep-oc-mods'
    """
    name = re.sub(r"^https?://(?:www\.)?hub\.docker\.com/(?:r/)?", "", text.strip()).rstrip("/")
    name = re.sub(r"^(?:https?|docker)://", "", name)
    return re.sub(r":[\w.-]+$", "", name)


def has_tag(image: str, tag: str) -> bool | None:
    """Return whether an image has a tag; None if its registry cannot be asked.

    Args:
        image: its name without a tag; a registry before it if it is not Docker Hub's.
        tag: the tag.

    SCAFFOLD_REGISTRY_API is the address of another registry to ask, a mirror for one.
    """
    import httpx

    host, slash, rest = image.partition("/")
    if slash and ("." in host or ":" in host or host == "localhost"):
        plain = host.partition(":")[0] in ("localhost", "127.0.0.1")
        base, name = f"{'http' if plain else 'https'}://{host}", rest
    else:
        base, name = HUB, image if slash else f"library/{image}"
    base = os.environ.get("SCAFFOLD_REGISTRY_API", base).rstrip("/")
    headers = {"Accept": _MANIFESTS}
    try:
        with httpx.Client(timeout=_SECONDS, follow_redirects=True) as client:
            url = f"{base}/v2/{name}/manifests/{tag}"
            response = client.head(url, headers=headers)
            if response.status_code == 401:
                asked = dict(_PART.findall(response.headers.get("www-authenticate", "")))
                if "realm" not in asked:
                    return None
                answer = client.get(
                    asked.pop("realm"), params={**asked, "scope": f"repository:{name}:pull"}
                )
                document = answer.json() if answer.is_success else {}
                token = document.get("token") or document.get("access_token")
                headers["Authorization"] = f"Bearer {token}"
                response = client.head(url, headers=headers)
    except (httpx.HTTPError, httpx.InvalidURL, ValueError):
        return None
    if response.is_success:
        return True
    # Docker Hub answers 401 where there is no such repository
    return False if response.status_code in (401, 403, 404) else None
