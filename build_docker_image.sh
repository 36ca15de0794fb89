#!/usr/bin/env bash
# Runs all tests, then builds bemcom/keba-p30-connector:<version>. A failing
# test ends it: nothing is built, nothing is tagged.
#
#   ./build_docker_image.sh                              for this machine
#   ./build_docker_image.sh --push \
#       --platform linux/amd64,linux/arm64,linux/arm/v7  for these
#
# --skip-tests comes first and is for CI, which has just run them. All other
# arguments are handed on to `docker buildx build`. If PIP_CONFIG_FILE is set,
# that file configures pip during the build, and stays out of the image.
set -euo pipefail
cd "$(dirname "$0")"

needs() {
    command -v "$1" >/dev/null || { echo "$2 is needed" >&2; exit 1; }
}

needs docker 'Docker, with buildx,'
if [[ ${1-} == --skip-tests ]]; then
    shift
else
    needs make 'make, which runs the tests,'
    echo 'running all tests, which takes about two minutes'
    make test
fi

version=$(sed -n 's/^__version__ = "\(.*\)"$/\1/p' source/connector/main.py)
if [[ -z $version ]]; then
    echo 'there is no __version__ in source/connector/main.py' >&2
    exit 1
fi

arguments=("$@")
if [[ -n ${PIP_CONFIG_FILE-} ]]; then
    arguments+=(--secret "id=pip_conf,src=$PIP_CONFIG_FILE")
fi
# Builders in a container keep their result unless told to load it; images for
# several platforms cannot be loaded, they have to be pushed.
if [[ " ${arguments[*]-} " != *' --push '* ]]; then
    arguments+=(--load)
fi

image=bemcom/keba-p30-connector:$version
docker buildx build . --target runtime --build-arg "VERSION=$version" \
    --tag "$image" "${arguments[@]}"
echo "built $image"
