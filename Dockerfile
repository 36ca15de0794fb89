# Stages: base (Python and what the connector needs), test (a failing test
# fails the build), demo (simulated stations, for docker compose), runtime.
# There is no `# syntax` line: what is used here is in every BuildKit.

FROM python:3.13-slim AS base
ENV PYTHONUNBUFFERED=1
WORKDIR /source
COPY source/requirements.lock /
# Hashes for all, wheels only: nothing is built, nothing else is run. A
# pip.conf for machines behind a mirror comes as a secret, so it stays out of
# the image. pip compiles to bytecode.
RUN --mount=type=secret,id=pip_conf,target=/etc/pip.conf \
    ["pip", "install", "--quiet", "--no-cache-dir", "--root-user-action=ignore", \
     "--require-hashes", "--only-binary=:all:", "-r", "/requirements.lock"]
ENV PYTHONDONTWRITEBYTECODE=1

# Tests always run on the building machine: the sources are the same for all
# platforms, and tests of timing fail under emulation.
FROM --platform=$BUILDPLATFORM python:3.13-slim AS test
ENV PYTHONUNBUFFERED=1
WORKDIR /checkout
COPY source/requirements-dev.lock /
RUN --mount=type=secret,id=pip_conf,target=/etc/pip.conf \
    ["pip", "install", "--quiet", "--no-cache-dir", "--root-user-action=ignore", \
     "--require-hashes", "-r", "/requirements-dev.lock"]
COPY . .
RUN ["python", "-m", "pytest"]
# What is shipped is what was tested, without the tests.
RUN mkdir /shipped \
 && cp -r source/connector source/pyconnector_template /shipped/ \
 && find /shipped -depth '(' -name tests -o -name __pycache__ ')' -exec rm -r {} + \
 && python -m compileall -q --invalidation-mode checked-hash \
        -s /shipped -p /source /shipped

FROM base AS demo
COPY source/simulator simulator
COPY source/demo demo
COPY docker/demo/show_values.py ./
USER 65532:65532

FROM base AS runtime
COPY --from=test /shipped /source
# The sign of life that the health check looks for; /dev/shm is in memory and
# can be written by any user, also where the file system is read-only.
ENV HEALTH_FILE=/dev/shm/keba-p30-connector
HEALTHCHECK --interval=10s --timeout=5s --start-period=30s --retries=3 \
    CMD ["python", "-IS", "/source/connector/health.py"]
EXPOSE 7090/udp
# Any user will do; this one owns nothing.
USER 65532:65532
ENTRYPOINT ["python", "/source/connector/main.py"]
# Last, so that a new version leaves the layers above in the cache.
ARG VERSION=unknown
LABEL org.opencontainers.image.title="keba-p30-connector" \
      org.opencontainers.image.description="KEBA KeContact P30 charge stations in BEMCom" \
      org.opencontainers.image.version="$VERSION" \
      org.opencontainers.image.licenses="MIT"
