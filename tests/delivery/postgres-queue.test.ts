import { describeDelivery } from './flow.js';

describeDelivery('Postgres back end', () => Promise.resolve({ stop: () => Promise.resolve() }));
