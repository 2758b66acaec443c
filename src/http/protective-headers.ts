import helmet from 'helmet';

/** TLS is the business of a proxy in front, and so is Strict-Transport-Security. */
const REST = { strictTransportSecurity: false, xFrameOptions: { action: 'deny' } } as const;

/** For answers that are read by programs: whatever a browser takes one for, it runs and loads nothing. */
export const protectiveHeaders = helmet({
  ...REST,
  contentSecurityPolicy: { useDefaults: false, directives: { defaultSrc: ["'none'"], frameAncestors: ["'none'"], baseUri: ["'none'"], formAction: ["'none'"] } },
});

/** For Swagger UI: its own scripts, the styles and pictures that it writes into its page, and requests to this very service. */
export const pageHeaders = helmet({
  ...REST,
  contentSecurityPolicy: {
    useDefaults: false,
    directives: {
      defaultSrc: ["'none'"], scriptSrc: ["'self'"], styleSrc: ["'self'", "'unsafe-inline'"], imgSrc: ["'self'", 'data:'], connectSrc: ["'self'"],
      frameAncestors: ["'none'"], baseUri: ["'none'"], formAction: ["'none'"],
    },
  },
});
