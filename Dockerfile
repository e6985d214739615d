# syntax=docker/dockerfile:1
FROM node:20-bookworm AS build
WORKDIR /build
COPY package.json package-lock.json .npmrc nest-cli.json tsconfig.json .swcrc ./
# The sources come after what they depend on, so that a change of theirs does not install everything anew.
RUN npm ci --ignore-scripts && npm rebuild better-sqlite3
COPY apps apps
COPY libs libs
RUN npx nest build && npm prune --omit=dev --ignore-scripts

FROM node:20-bookworm-slim
ENV NODE_ENV=production
WORKDIR /opt/callfs
COPY --from=build /build/node_modules node_modules
COPY --from=build /build/dist dist
COPY package.json callfs LICENSE ./
RUN ln -s /opt/callfs/callfs /usr/local/bin/callfs && install -d -o node -g node -m 0700 /var/lib/callfs
USER node
VOLUME /var/lib/callfs
EXPOSE 8443 9090
# The address is the one of the compose file; a container that listens elsewhere or speaks HTTPS sets CALLFS_HEALTH_URL.
HEALTHCHECK --interval=10s --timeout=5s --start-period=60s --retries=3 \
  CMD ["node", "-e", "fetch(process.env.CALLFS_HEALTH_URL ?? 'http://127.0.0.1:8443/health').then(({ ok }) => process.exit(ok ? 0 : 1), () => process.exit(1))"]
ENTRYPOINT ["callfs"]
CMD ["server", "--config", "/etc/callfs/config.yaml", "--wait-for-dependencies", "60s"]
