# Written with the program, but never built where it is developed: see "Container image" in README.md.

FROM rust:1.95-slim-bookworm AS build
RUN apt-get update \
    && apt-get install --yes --no-install-recommends libpq-dev make pkg-config \
    && rm -rf /var/lib/apt/lists/*
WORKDIR /build
COPY . .
RUN cargo build --locked --profile dist --no-default-features --features postgres-tls

FROM debian:bookworm-slim
RUN apt-get update \
    && apt-get install --yes --no-install-recommends ca-certificates libpq5 \
    && rm -rf /var/lib/apt/lists/* \
    && groupadd --system --gid 10001 sigida \
    && useradd --system --uid 10001 --gid 10001 --no-create-home --shell /usr/sbin/nologin sigida
COPY --from=build /build/target/dist/sigida /usr/local/bin/sigida
COPY LICENSE /usr/share/doc/sigida/LICENSE
USER 10001:10001
# Inside the container only; what the host publishes is decided where it is run.
ENV SIGIDA_LISTEN=0.0.0.0:8080
EXPOSE 8080
ENTRYPOINT ["/usr/local/bin/sigida"]
CMD ["serve"]
HEALTHCHECK --interval=15s --timeout=5s --start-period=10s --retries=3 CMD ["/usr/local/bin/sigida","health"]
