import { describeRoles } from './roles.js';

describeRoles('queue in Postgres', () => Promise.resolve({ stop: () => Promise.resolve() }));
