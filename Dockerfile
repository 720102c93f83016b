# The image has its own Node, so the one that npm would bring (the workspace in tools/runtime) stays out.
FROM node:24-slim AS build
WORKDIR /perdure
COPY package.json package-lock.json .npmrc ./
COPY tools tools
RUN npm ci --workspaces=false --ignore-scripts
COPY src src
RUN node tools/build.ts && npm prune --omit=dev --workspaces=false --ignore-scripts

FROM node:24-slim
ENV NODE_ENV=production \
    NODE_COMPILE_CACHE=/tmp/perdure-compile-cache \
    PERDURE_HOST=0.0.0.0 \
    PERDURE_DATA_DIR=/data
WORKDIR /perdure
COPY --from=build /perdure/node_modules node_modules
COPY --from=build /perdure/dist dist
COPY package.json LICENSE README.md CHANGELOG.md openapi.json ./
RUN mkdir /data && chown node:node /data
USER node
VOLUME /data
EXPOSE 8283
HEALTHCHECK --interval=10s --timeout=3s --start-period=30s \
  CMD ["node", "-e", "fetch(`http://127.0.0.1:${process.env.PERDURE_PORT || 8283}/v1/health/`).then((r) => process.exit(r.ok ? 0 : 1), () => process.exit(1))"]
ENTRYPOINT ["node", "--max-semi-space-size=8", "dist/cli/main.js"]
CMD ["serve"]
