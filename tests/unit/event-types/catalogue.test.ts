import { describe, expect, test } from '@jest/globals';
import { builtInEventTypes, levelOf, sampleValue, type EventProperty, type EventType } from '../../../src/event-types/catalogue.js';

const all = [...builtInEventTypes.values()];
const get = (name: string): EventType => builtInEventTypes.get(name)!;
const propertyNames = (name: string): string[] => get(name).properties.map((property) => property.name);

const EVERY_EVENT = [
  'EventName', 'EventDisplayName', 'EventDescription', 'EventTimestamp', 'ApplianceId', 'EventUserId', 'EventUserDisplayName', 'EventUserName',
  'EventUserDomainName', 'AuditLogUri',
];
const ACCESS_REQUEST = [
  'RequestId', 'Requester', 'AccountName', 'AssetName', 'AssetNetworkAddress', 'Reason', 'ReasonCode', 'Comment', 'TicketNumber',
  'DurationInMinutes', 'RequiredDate', 'ApproverAccessRequestUri', 'RequesterAccessRequestUri', 'ReviewerAccessRequestUri',
];

describe('the built-in event types', () => {
  test('are the 629 known ones and CertificateExpiring, by category', () => {
    const counts: Record<string, number> = {};
    for (const { category } of all) counts[category] = (counts[category] ?? 0) + 1;
    expect(counts).toEqual({
      AccessRequest: 51, Appliance: 123, ApplicationToApplication: 5, AssetDiscovery: 6, FileReplication: 1, Maintenance: 3, ObjectHistory: 271,
      Other: 91, PasswordManagement: 70, Patching: 4, Test: 1, UserAuthentication: 4,
    });
    expect(builtInEventTypes.size).toBe(630);
    expect(get('CertificateExpiring')).toMatchObject({ category: 'Appliance', level: 'warning', builtIn: true });
  });

  test('come in the order of their names and are found by them', () => {
    const names = [...builtInEventTypes.keys()];
    expect(names).toEqual([...names].sort());
    expect(all.map((type) => type.name)).toEqual(names);
  });

  test('have display names and descriptions in ASCII', () => {
    for (const type of all) {
      expect(type.displayName).toMatch(/^[A-Z][\x21-\x7e]*( [\x21-\x7e]+)*$/);
      expect(type.description).toMatch(/^[A-Z][\x20-\x7e]+[a-z)]\.$/);
      expect(type.description).not.toMatch(/ {2}|\ba [aeio]|\bA [AEIOaeio]|\b[Aa]n [bcdfgjkpqtvwxyz]/);
    }
  });

  test.each([
    ['A2AServiceUpdated', 'A2A Service Updated'], ['SaaSModeUpdated', 'SaaS Mode Updated'], ['Fido2AuthenticatorDeleted', 'FIDO2 Authenticator Deleted'],
    ['VMCompatibleBackupAuthorizationUpdated', 'VM Compatible Backup Authorization Updated'], ['SshKeyReleased', 'SSH Key Released'],
    ['StrictCrlCheckingUpdated', 'Strict CRL Checking Updated'], ['StarlingSubscriptionCreated', 'Starling Subscription Created'],
    ['StaAccepted', 'STA Accepted'], ['AccountApiKeyCreated', 'Account API Key Created'], ['PasswordCheckFailed', 'Password Check Failed'],
  ])('%s is displayed as "%s"', (name, displayName) => expect(get(name).displayName).toBe(displayName));

  test('describe themselves in a sentence that is not just the name again', () => {
    for (const type of all) expect(type.description.toLowerCase()).not.toBe(`${type.displayName.toLowerCase()}.`);
    expect(new Set(all.map((type) => type.description)).size).toBeGreaterThan(600);
    expect(get('AssetCreated').description).toBe('An asset was created.');
    expect(get('SshKeyDeleted').description).toBe('An SSH key was deleted.');
    expect(get('UserUpdated').description).toBe('A user was changed.');
    expect(get('OwnerAssetRelationshipRemoved').description).toBe('An owner is no longer linked to an asset.');
    expect(get('AccountGroupMembershipUpdated').description).toBe('The members of an account group were changed.');
    expect(get('SslProtocolsUpdated').description).toBe('The TLS protocol versions that the appliance accepts were changed.');
  });
});

describe('levels', () => {
  test.each([
    ['PasswordCheckFailed', 'error'], ['NtpErrorDetected', 'error'], ['DiskUsageWarning', 'warning'], ['LicenseExpiringSoon', 'warning'],
    ['RoleExpired', 'warning'], ['SshHostKeyMismatch', 'warning'], ['ClusterPrimaryQuorumLost', 'warning'], ['AccessRequestApproved', 'info'],
  ])('%s is %s', (name, level) => expect(get(name).level).toBe(level));

  test('a failure outweighs a warning', () => expect(levelOf('ExpiredCheckFailed')).toBe('error'));
});

describe('properties', () => {
  test('those of every event come first, each name once, and none is required', () => {
    for (const { properties } of all) {
      const names = properties.map((property) => property.name);
      expect(names.slice(0, EVERY_EVENT.length)).toEqual(EVERY_EVENT);
      expect(new Set(names).size).toBe(names.length);
      expect(properties.every(({ required, description }) => !required && /^[A-Z].+\.$/.test(description))).toBe(true);
    }
  });

  test('follow the prefix of the name and the category', () => {
    expect(propertyNames('AccessRequestApproved')).toEqual([...EVERY_EVENT, ...ACCESS_REQUEST]);
    expect(propertyNames('AccessRequestPendingAccountElevated')).toEqual(expect.arrayContaining(ACCESS_REQUEST));
    expect(propertyNames('UserAuthenticated')).toEqual([...EVERY_EVENT, 'UserId', 'UserName', 'DomainName', 'DirectoryName']);
    expect(propertyNames('InactiveUserLoggedOut')).toEqual(expect.arrayContaining(['UserId', 'UserName', 'DomainName', 'DirectoryName']));
    expect(propertyNames('UserCreated')).toEqual(expect.arrayContaining(['UserName', 'ObjectId', 'ObjectName']));
    expect(propertyNames('TestConnectionStarted'))
      .toEqual([...EVERY_EVENT, 'AccountId', 'AccountName', 'AssetId', 'AssetName', 'NetworkAddress', 'ProfileName']);
    expect(propertyNames('PasswordReleased')).toEqual(expect.arrayContaining(['ProfileName', 'RequestId']));
    expect(propertyNames('AssetCreated')).toEqual([...EVERY_EVENT, 'ObjectId', 'ObjectName']);
    expect(propertyNames('EmailNotificationFailed'))
      .toEqual(expect.arrayContaining(['FailedEventId', 'FailedEventName', 'FailedCount', 'FailedAddresses', 'ErrorMessage']));
    expect(propertyNames('CertificateExpiring'))
      .toEqual(expect.arrayContaining(['CertificateSubject', 'CertificateThumbprint', 'ExpirationDate', 'DaysRemaining']));
  });

  test('have types', () => {
    const types = Object.fromEntries(get('AccessRequestApproved').properties.map(({ name, type }) => [name, type]));
    expect(types).toMatchObject({ EventTimestamp: 'dateTime', AuditLogUri: 'uri', DurationInMinutes: 'integer', RequiredDate: 'dateTime', Reason: 'string' });
  });
});

describe('sample values', () => {
  const JSON_TYPE = { string: 'string', dateTime: 'string', uri: 'string', integer: 'number', number: 'number', boolean: 'boolean' };

  test('every property of every type has one of its declared type', () => {
    for (const type of all) {
      for (const property of type.properties) {
        const value = sampleValue(property, type);
        expect(typeof value).toBe(JSON_TYPE[property.type]);
        if (property.type === 'uri') expect(new URL(String(value)).protocol).toBe('https:');
        if (property.type === 'dateTime') expect(new Date(String(value)).toISOString()).toMatch(/^20/);
        expect(value).not.toBe('');
      }
    }
  });

  test('look real, and name the event itself', () => {
    const type = get('PasswordCheckFailed');
    const sample = (name: string): unknown => sampleValue(type.properties.find((property) => property.name === name)!, type);
    expect(sample('AccountName')).toBe('svc-backup');
    expect(sample('AssetName')).toBe('db-prod-01.example.com');
    expect(sample('EventName')).toBe('PasswordCheckFailed');
    expect(sample('EventDisplayName')).toBe('Password Check Failed');
  });

  test.each<[EventProperty['type'], unknown]>([['string', 'Example constructor'], ['integer', 42], ['boolean', true]])(
    'an unknown %s has a plain one',
    (type, expected) => {
      const property: EventProperty = { name: 'constructor', type, description: 'Anything.', required: true };
      expect(sampleValue(property, get('Test'))).toBe(expected);
    },
  );

  test('a known name declared with another type gets a value of that type', () => {
    expect(sampleValue({ name: 'AccountName', type: 'integer', description: 'A number.', required: false }, get('Test'))).toBe(42);
  });
});
