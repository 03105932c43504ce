#!/usr/bin/env bash
# Builds and pushes one image; the branch decides the tags.
#   build.sh BRANCH cpu{{ '|gpu' if cookiecutter.__has_gpu }} BASE_TAG
#   branch test             -> cpu-test{{ ', gpu-test' if cookiecutter.__has_gpu }} (and test, the CPU image)
#   branch {{ cookiecutter.default_branch }} -> cpu{{ ', gpu' if cookiecutter.__has_gpu }} (and latest, the CPU image)
set -euo pipefail

branch="$1" variant="$2" base_tag="$3"
image='{{ cookiecutter.__image }}'
if [ "$branch" = test ]; then
  tags=("$variant-test") alias=test
else
  tags=("$variant") alias=latest
fi
{{ '[ "$variant" = gpu ] || ' if cookiecutter.__has_gpu }}tags+=("$alias")

# the commit goes along, so that a new one is not hidden by the cache
repository='{{ cookiecutter.__repo_url }}'
revision=$(git ls-remote --exit-code "$repository" "refs/heads/$branch" | cut -f1)
export DOCKER_BUILDKIT=1
docker build --build-arg "tag=$base_tag" --build-arg "extra=$variant" \
  --build-arg "repository=$repository" --build-arg "branch=$branch" \
  --build-arg "revision=$revision" --build-arg "metadata=$(tr -d '\n' <metadata.json)" \
  --tag "$image:${tags[0]}" .
for tag in "${tags[@]}"; do
  docker tag "$image:${tags[0]}" "$image:$tag"
  docker push "$image:$tag"
done
