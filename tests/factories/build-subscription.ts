import type { SubscriptionWrite } from '../../src/subscriptions/subscriptions.contract.js';

/** A valid subscription to one event type. */
export const buildSubscription = (overrides: Partial<SubscriptionWrite> = {}): SubscriptionWrite => ({
  emailAddress: 'alice@example.com',
  eventTypes: ['PasswordCheckFailed'],
  description: 'Alice, asset administrator',
  ...overrides,
});
