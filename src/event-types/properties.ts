import type { EventLevel, EventProperty, PropertyType } from './event-type.js';

type Row = readonly [name: string, description: string, type?: PropertyType];

const EVERY_EVENT: Row[] = [
  ['EventName', 'Name of the event type.'],
  ['EventDisplayName', 'Name of the event type in readable words.'],
  ['EventDescription', 'What happened, in one sentence.'],
  ['EventTimestamp', 'When it happened (RFC 3339, UTC).', 'dateTime'],
  ['ApplianceId', 'Identifier of the appliance that published the event.'],
  ['EventUserId', 'Identifier of the user whose action caused the event.'],
  ['EventUserDisplayName', 'Full name of the user whose action caused the event.'],
  ['EventUserName', 'Login name of the user whose action caused the event.'],
  ['EventUserDomainName', 'Domain of the user whose action caused the event.'],
  ['AuditLogUri', 'Address of the audit log entry of the event.', 'uri'],
];

const ACCESS_REQUEST: Row[] = [
  ['RequestId', 'Identifier of the access request.'],
  ['Requester', 'Who asked for access.'],
  ['AccountName', 'Account that access was asked for.'],
  ['AssetName', 'Asset that the account belongs to.'],
  ['AssetNetworkAddress', 'Host name or IP address of the asset.'],
  ['Reason', 'Why access is needed, in the words of the requester.'],
  ['ReasonCode', 'Reason that the requester picked from the list.'],
  ['Comment', 'Comment of whoever acted on the request last.'],
  ['TicketNumber', 'Number of the ticket in the ticket system.'],
  ['DurationInMinutes', 'How long access is asked for, in minutes.', 'integer'],
  ['RequiredDate', 'When access is to begin (RFC 3339).', 'dateTime'],
  ['ApproverAccessRequestUri', 'Address at which an approver decides on the request.', 'uri'],
  ['RequesterAccessRequestUri', 'Address at which the requester sees and uses the request.', 'uri'],
  ['ReviewerAccessRequestUri', 'Address at which a reviewer reviews the request.', 'uri'],
];

const USER: Row[] = [
  ['UserId', 'Identifier of the user.'],
  ['UserName', 'Login name of the user.'],
  ['DomainName', 'Domain that the user belongs to.'],
  ['DirectoryName', 'Directory that the user comes from.'],
];

const PASSWORD: Row[] = [
  ['AccountId', 'Identifier of the account.'],
  ['AccountName', 'Name of the account.'],
  ['AssetId', 'Identifier of the asset.'],
  ['AssetName', 'Name of the asset that the account belongs to.'],
  ['NetworkAddress', 'Host name or IP address of the asset.'],
  ['ProfileName', 'Name of the profile that sets the rules and schedules.'],
];

const OBJECT: Row[] = [
  ['ObjectId', 'Identifier of the object that the event is about.'],
  ['ObjectName', 'Name of the object that the event is about.'],
];

const APPLIANCE: Row[] = [['ApplianceName', 'Name of the appliance.']];

const FAILED_MAIL: Row[] = [
  ['FailedEventId', 'Identifier of the event whose e-mails were not delivered.'],
  ['FailedEventName', 'Type of the event whose e-mails were not delivered.'],
  ['FailedCount', 'How many e-mails of the event were not delivered.', 'integer'],
  ['FailedEventCount', 'How many events it is about, when it tells of several at once; FailedEventName then names their types.', 'integer'],
  ['FailedAddresses', 'The first of the addresses that were not reached, separated by commas.'],
];

const CERTIFICATE: Row[] = [
  ['CertificateSubject', 'Subject of the certificate (distinguished name).'],
  ['CertificateThumbprint', 'SHA-256 fingerprint of the certificate in hexadecimal digits.'],
  ['ExpirationDate', 'When it expires (RFC 3339).', 'dateTime'],
  ['DaysRemaining', 'Whole days until it expires.', 'integer'],
];

const EXPIRATION: Row[] = CERTIFICATE.slice(2);

/** Every row whose pattern fits the name adds its properties, in this order: those of a name's prefix come before those of its category. */
const BY_NAME: ReadonlyArray<readonly [RegExp, Row[]]> = [
  [/^(AccessRequest|ApprovalEscalation|Review|EmergencyAccess)/, ACCESS_REQUEST],
  [/^User/, USER],
  [/^(Password|SshKey|ApiKey|File)/, PASSWORD],
  [/^Appliance/, APPLIANCE],
  [/^EmailNotificationFailed$/, FAILED_MAIL],
  [/^DiskUsage/, [['DiskUsagePercent', 'Share of the disk that is in use, in percent.', 'integer']]],
  [/^(License|OperatingSystemLicense)/, [['LicenseName', 'Name of the license or of the module that it is for.'], ...EXPIRATION]],
  [/Certificate/, CERTIFICATE],
  [/ExpirationWarning$|^(Role|Policy)Expired$/, EXPIRATION],
  [/Backup|^ApplianceRestore/, [['BackupName', 'Name of the backup.']]],
  [/Archive|Backup/, [['ArchiveServerName', 'Name of the archive server.']]],
  [/^Cluster|Replica/, [['ClusterMemberName', 'Name of the cluster member that the event is about.']]],
  [/Patch/, [['PatchVersion', 'Version that the patch installs.']]],
];

const BY_CATEGORY: Readonly<Record<string, Row[]>> = {
  AccessRequest: ACCESS_REQUEST,
  UserAuthentication: USER,
  PasswordManagement: PASSWORD,
  AssetDiscovery: PASSWORD.slice(2),
  ObjectHistory: OBJECT,
  Other: OBJECT,
  Appliance: APPLIANCE,
};

const FAILURE: Row[] = [['ErrorMessage', 'Why it failed, as reported by the system that refused or broke off.']];

const toProperty = ([name, description, type = 'string']: Row): EventProperty => ({ name, type, description, required: false });

/** The properties that any event may carry, also those of types that other services add. */
export const commonProperties: readonly EventProperty[] = EVERY_EVENT.map(toProperty);

/**
 * What an event of a built-in type can carry: the properties of every event, then those of its name, then those of its category, each name once.
 * None is required, because publishers differ in what they know.
 */
export function propertiesOf(name: string, category: string, level: EventLevel): EventProperty[] {
  const byName = BY_NAME.flatMap(([pattern, rows]) => (pattern.test(name) ? rows : []));
  const failure = level === 'error' || name.endsWith('Failure') ? FAILURE : [];
  const rows = [...EVERY_EVENT, ...byName, ...(BY_CATEGORY[category] ?? []), ...failure];
  return rows.filter((row, index) => rows.findIndex((other) => other[0] === row[0]) === index).map(toProperty);
}
