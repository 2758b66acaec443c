import { describeSmtpTests } from './smtp-tests.js';

describeSmtpTests('Postgres back end', () => Promise.resolve({ stop: () => Promise.resolve() }));
