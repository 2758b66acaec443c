import type { EventPublish } from '../../src/events/events.contract.js';

/** A valid event of a built-in type. */
export const buildEvent = (overrides: Partial<EventPublish> = {}): EventPublish => ({
  type: 'PasswordCheckFailed',
  properties: { AccountName: 'svc-backup', AssetName: 'db-prod-01' },
  ...overrides,
});
