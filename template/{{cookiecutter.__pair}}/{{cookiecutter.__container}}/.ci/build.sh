#!/usr/bin/env bash
# Builds and pushes one image; the branch decides the tags.
#   build.sh BRANCH cpu|gpu BASE_TAG
#   branch test             -> cpu-test, gpu-test (and test, the CPU image)
#   branch {{ cookiecutter.default_branch }} -> cpu, gpu (and latest, the CPU image)
set -euo pipefail

branch="$1" variant="$2" base_tag="$3"
image='{{ cookiecutter.__image }}'
if [ "$branch" = test ]; then
  tags=("$variant-test") alias=test
else
  tags=("$variant") alias=latest
fi
[ "$variant" = gpu ] || tags+=("$alias")

# --no-cache: the code is cloned inside the build, which a cached layer would hide
docker build --no-cache --build-arg "tag=$base_tag" --build-arg "variant=$variant" \
  --build-arg "branch=$branch" --tag "$image:${tags[0]}" .
for tag in "${tags[@]}"; do
  docker tag "$image:${tags[0]}" "$image:$tag"
  docker push "$image:$tag"
done
