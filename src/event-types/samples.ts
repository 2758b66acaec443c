import type { EventProperty, EventType, PropertyType } from './event-type.js';

type Sample = string | number | boolean;

const REQUEST_URI = 'https://appliance.example.com/requests/7-1-1-1-29418-a8c2';

/** Values as they look in a real event, so that a preview is judged as a real mail would be. */
const SAMPLES: Readonly<Record<string, Sample>> = {
  EventTimestamp: '2026-03-14T09:26:53Z',
  ApplianceId: '0A1B2C3D4E5F',
  ApplianceName: 'vault-01',
  EventUserId: '1042',
  EventUserDisplayName: 'Dana Whitfield',
  EventUserName: 'dwhitfield',
  EventUserDomainName: 'corp.example.com',
  AuditLogUri: 'https://appliance.example.com/audit-log/20260314092653-0042',
  RequestId: '7-1-1-1-29418-a8c2',
  Requester: 'Priya Raman',
  AccountId: '318',
  AccountName: 'svc-backup',
  AssetId: '57',
  AssetName: 'db-prod-01.example.com',
  AssetNetworkAddress: '10.20.4.17',
  NetworkAddress: '10.20.4.17',
  ProfileName: 'Linux servers, 30 days',
  Reason: 'Restore last night\'s backup after the failed migration',
  ReasonCode: 'RN-12 Maintenance',
  Comment: 'Agreed with the database team for this evening.',
  TicketNumber: 'CHG-20417',
  DurationInMinutes: 120,
  RequiredDate: '2026-03-14T18:00:00Z',
  ApproverAccessRequestUri: `${REQUEST_URI}/approve`,
  RequesterAccessRequestUri: REQUEST_URI,
  ReviewerAccessRequestUri: `${REQUEST_URI}/review`,
  UserId: '1077',
  UserName: 'mkowalski',
  DomainName: 'corp.example.com',
  DirectoryName: 'corp.example.com',
  ObjectId: '214',
  ObjectName: 'Production database administrators',
  FailedEventId: '0195936b-7c1e-7d52-9a3f-2b8c44f01e67',
  FailedEventName: 'PasswordCheckFailed',
  FailedCount: 3,
  FailedEventCount: 12,
  FailedAddresses: 'ops@example.com, dba-team@example.com',
  CertificateSubject: 'CN=mailroom.example.com, O=Example Ltd',
  CertificateThumbprint: '9F86D081884C7D659A2FEAA0C55AD015A3BF4F1B2B0B822CD15D6C15B0F00A08',
  ExpirationDate: '2026-03-21T23:59:59Z',
  DaysRemaining: 7,
  DiskUsagePercent: 87,
  LicenseName: 'Privileged Passwords',
  BackupName: 'backup-20260314-0200',
  ArchiveServerName: 'archive-02.example.com',
  ClusterMemberName: 'vault-02',
  PatchVersion: '8.1.2',
  ErrorMessage: 'Connection to 10.20.4.17 port 22 timed out after 30 seconds',
};

const BY_TYPE: Readonly<Record<PropertyType, Sample>> = {
  string: 'Example',
  integer: 42,
  number: 12.5,
  boolean: true,
  dateTime: '2026-03-14T09:26:53Z',
  uri: 'https://appliance.example.com/',
};

const SAMPLE_TYPE: Readonly<Record<PropertyType, string>> = {
  string: 'string', dateTime: 'string', uri: 'string', integer: 'number', number: 'number', boolean: 'boolean',
};

/** What the object of an event is called, by the beginning of the event type's name. */
const OBJECT_NAMES: ReadonlyArray<readonly [RegExp, string]> = [
  [/^(AssetAccount|PolicyAccount|Account|ServiceAccount|LinkedAccount)/, 'svc-backup'],
  [/^(Asset|PolicyAsset|Platform)/, 'db-prod-01.example.com'],
  [/^User(?!Group)/, 'mkowalski'],
  [/Certificate|Csr/, 'mailroom.example.com'],
  [/Directory|IdentityProvider|Federation/, 'corp.example.com'],
];

function knownSample(name: string, type: EventType): Sample | undefined {
  if (name === 'EventName') return type.name;
  if (name === 'EventDisplayName') return type.displayName;
  if (name === 'EventDescription') return type.description;
  const objectName = name === 'ObjectName' ? OBJECT_NAMES.find(([pattern]) => pattern.test(type.name))?.[1] : undefined;
  return objectName ?? (Object.hasOwn(SAMPLES, name) ? SAMPLES[name] : undefined);
}

/** A plausible value of a property for previews, of the JSON type that the property declares. */
export function sampleValue(property: EventProperty, type: EventType): Sample {
  const known = knownSample(property.name, type);
  if (known !== undefined && typeof known === SAMPLE_TYPE[property.type]) return known;
  return property.type === 'string' ? `${BY_TYPE.string} ${property.name}` : BY_TYPE[property.type];
}
