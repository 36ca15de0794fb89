#!/usr/bin/env bash
# Builds bemcom/keba-p30-connector:<version>; a failing test fails the build.
#
#   ./build_docker_image.sh                              for this machine
#   ./build_docker_image.sh --push \
#       --platform linux/amd64,linux/arm64,linux/arm/v7  for these
#
# Arguments are handed on to `docker buildx build`. If PIP_CONFIG_FILE is set,
# that file configures pip during the build, and stays out of the image.
set -euo pipefail
cd "$(dirname "$0")"

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
