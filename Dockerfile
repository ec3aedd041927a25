# Builds Dunlin and packs it with nothing but Debian's slim image.
#
#   docker build -t dunlin .
#   docker run -p 6379:6379 -v data:/data -e DUNLIN_REQUIREPASS=secret dunlin          any setting as a variable
#   docker run -p 127.0.0.1:6379:6379 dunlin --maxmemory 1gb --appendonly yes          flags after the image's file
#   docker run -p 6379:6379 -v ./my.conf:/etc/dunlin/dunlin.conf:ro dunlin             a file of one's own
#
# The server listens on all addresses of its container, without protected mode, because Docker's own network stands
# between it and others: who can reach it is decided by `-p`. `-p 6379:6379` publishes it on every address of the machine,
# which needs a password (requirepass); `-p 127.0.0.1:6379:6379` needs none.

FROM rust:1.95-bookworm AS build
WORKDIR /source
COPY . .
RUN cargo build --release --locked --bin dunlin
RUN install -D target/release/dunlin /image/usr/local/bin/dunlin \
 && install -D docker/entrypoint /image/usr/local/bin/dunlin-entrypoint \
 && install -D docker/health-check /image/usr/local/bin/dunlin-health-check \
 && install -D -m 644 docker/dunlin.conf /image/etc/dunlin/dunlin.conf

FROM debian:bookworm-slim
COPY --from=build /image/ /
RUN groupadd --system --gid 999 dunlin \
 && useradd --system --uid 999 --gid dunlin --home-dir /data --no-create-home --shell /usr/sbin/nologin dunlin \
 && install -d -o dunlin -g dunlin -m 750 /data
USER dunlin
WORKDIR /data
VOLUME /data
EXPOSE 6379 9121
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=10s --timeout=3s --start-period=60s --retries=3 CMD ["dunlin-health-check"]
ENTRYPOINT ["dunlin-entrypoint"]
