// The import rule of ARCHITECTURE.md: main → container → http, workers → features → adapters → config types, errors, ids, logger, redact.
const ADAPTERS = '^src/(db|queue|smtp|dns|oauth2|pki|secrets|embedded)/';
const FEATURES = '^src/(accounts|tls-material|certificates|certificate-requests|client-certificates|trusted-certificates|smtp-settings|smtp-tests|dns-settings|smtp-session-logs|support-bundle|email-templates|email-previews|event-types|subscriptions|users|events|emails|api-keys|audit-log|idempotency|secret-keys|installation|health)/';
const TOP = '^src/(main|start|welcome|container|workers|worker-parts|sweep-steps|rotate-secret-key)\\.ts$';

/** @type {import('dependency-cruiser').IConfiguration} */
module.exports = {
  forbidden: [
    { name: 'no-cycles', severity: 'error', from: {}, to: { circular: true, dependencyTypesNot: ['type-only'] } },
    { name: 'no-cycles-of-types', severity: 'error', from: { pathNot: 'generated' }, to: { circular: true } },
    { name: 'no-orphans', severity: 'error', from: { orphan: true, pathNot: ['generated', '\\.d\\.ts$', 'queue-process'] }, to: {} },
    { name: 'adapters-import-no-feature', severity: 'error', from: { path: ADAPTERS }, to: { path: `${FEATURES}|^src/(http|contract)/|${TOP}` } },
    { name: 'adapters-import-no-other-adapter', severity: 'error', from: { path: '^src/(db|queue|smtp|dns|oauth2|pki|secrets|embedded)/' }, to: { path: ADAPTERS, pathNot: '^src/$1/' } },
    { name: 'features-import-nothing-above', severity: 'error', from: { path: FEATURES }, to: { path: `^src/http/|${TOP}` } },
    { name: 'contract-imports-errors-only', severity: 'error', from: { path: '^src/contract/' }, to: { path: '^src/', pathNot: '^src/(contract/|errors\\.ts$)' } },
    { name: 'http-imports-features-by-its-routes-only', severity: 'error', from: { path: '^src/http/', pathNot: '^src/http/generated/' }, to: { path: `${FEATURES}|${ADAPTERS}|${TOP}` } },
    { name: 'only-queue-imports-bullmq', severity: 'error', from: { path: '^src/', pathNot: '^src/queue/' }, to: { path: 'node_modules/(bullmq|ioredis)/' } },
    { name: 'only-smtp-imports-nodemailer', severity: 'error', from: { path: '^src/', pathNot: '^src/smtp/' }, to: { path: 'node_modules/nodemailer/' } },
    { name: 'only-pki-imports-pkijs', severity: 'error', from: { path: '^src/', pathNot: '^src/pki/' }, to: { path: 'node_modules/(pkijs|asn1js|node-forge)/' } },
    { name: 'only-support-bundle-imports-yazl', severity: 'error', from: { path: '^src/', pathNot: '^src/support-bundle/' }, to: { path: 'node_modules/yazl/' } },
    { name: 'only-templates-import-liquid', severity: 'error', from: { path: '^src/', pathNot: '^src/email-templates/' }, to: { path: 'node_modules/liquidjs/' } },
    {
      name: 'only-db-and-repositories-import-the-prisma-client',
      severity: 'error',
      from: { path: '^src/', pathNot: ['^src/db/', '\\.repository\\.ts$'] },
      to: { path: ['^src/db/generated/', 'node_modules/@prisma/'] },
    },
    { name: 'repositories-are-used-by-their-feature', severity: 'error', from: { path: '^src/([^/]+)/', pathNot: '^src/(http|db)/' }, to: { path: '\\.repository\\.ts$', pathNot: '^src/$1/' } },
  ],
  options: {
    tsConfig: { fileName: 'tsconfig.json' },
    tsPreCompilationDeps: true,
    doNotFollow: { path: 'node_modules' },
    enhancedResolveOptions: { exportsFields: ['exports'], conditionNames: ['import', 'node', 'default'] },
  },
};
