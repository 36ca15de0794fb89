# Stages: base (Python and what the connector needs), demo (simulated stations,
# for docker compose), runtime. Tests run before the build, not in it: see
# build_docker_image.sh.
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

FROM base AS demo
COPY source/simulator simulator
COPY source/demo demo
COPY source/testbed testbed
USER 65532:65532

FROM base AS runtime
COPY source/pyconnector_template pyconnector_template
COPY source/connector connector
# By content, so that the bytecode holds whatever the files' times are.
RUN ["python", "-m", "compileall", "-q", "--invalidation-mode", "checked-hash", \
     "/source"]
# What the page's volume is mounted on: a new volume takes its mode from here,
# and its user may be any.
RUN ["install", "-d", "-m", "0777", "/history"]
# The tools, for `docker compose exec connector keba doctor`.
RUN ["ln", "-s", "/source/connector/cli.py", "/usr/local/bin/keba"]
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
