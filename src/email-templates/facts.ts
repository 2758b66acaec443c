/** One line of what is known about an event. It is left out when `when` does not hold, so that no mail has empty rows. */
export interface Fact {
  label: string;
  /** Liquid source of the value. */
  value: string;
  /** Liquid condition. */
  when: string;
  /** Whether the value may have several lines. */
  multiline?: boolean;
}

const plain = (label: string, property: string): Fact => ({ label, value: `{{ ${property} }}`, when: property });
const lines = (label: string, property: string): Fact => ({ ...plain(label, property), multiline: true });

/** A time as people read it; what is no date stays as it was published. */
const time = (label: string, property: string): Fact =>
  ({ label, value: `{{ ${property} | date: "%-d %b %Y, %H:%M:%S UTC" }}`, when: property });

/** A name with a second one in brackets: "Dana Whitfield (dwhitfield)". The second alone takes the place of the first. */
const named = (label: string, first: string, second: string): Fact => ({
  label,
  value: `{{ ${first} | default: ${second} }}{% if ${first} and ${second} %} ({{ ${second} }}){% endif %}`,
  when: `${first} or ${second}`,
});

/** The facts that templates show, by the property that they are about. */
export const FACTS = {
  AccountName: plain('Account', 'AccountName'),
  ArchiveServerName: plain('Archive server', 'ArchiveServerName'),
  AssetName: plain('Asset', 'AssetName'),
  AssetNetworkAddress: plain('Address', 'AssetNetworkAddress'),
  BackupName: plain('Backup', 'BackupName'),
  CertificateSubject: plain('Certificate', 'CertificateSubject'),
  CertificateThumbprint: plain('Fingerprint', 'CertificateThumbprint'),
  ClusterMemberName: plain('Member', 'ClusterMemberName'),
  Comment: lines('Comment', 'Comment'),
  DaysRemaining: plain('Days left', 'DaysRemaining'),
  DirectoryName: plain('Directory', 'DirectoryName'),
  DiskUsagePercent: { label: 'Disk in use', value: '{{ DiskUsagePercent }} %', when: 'DiskUsagePercent' },
  DurationInMinutes: { label: 'Duration', value: '{{ DurationInMinutes }} min', when: 'DurationInMinutes' },
  ErrorMessage: lines('Error', 'ErrorMessage'),
  ExpirationDate: time('Expires', 'ExpirationDate'),
  FailedAddresses: plain('Addresses', 'FailedAddresses'),
  FailedCount: plain('Not delivered', 'FailedCount'),
  FailedEventCount: plain('Events', 'FailedEventCount'),
  FailedEventId: plain('Event ID', 'FailedEventId'),
  FailedEventName: plain('Event', 'FailedEventName'),
  LicenseName: plain('License', 'LicenseName'),
  NetworkAddress: plain('Address', 'NetworkAddress'),
  ObjectId: plain('ID', 'ObjectId'),
  ObjectName: plain('Name', 'ObjectName'),
  PatchVersion: plain('Version', 'PatchVersion'),
  ProfileName: plain('Profile', 'ProfileName'),
  Reason: lines('Reason', 'Reason'),
  ReasonCode: plain('Reason code', 'ReasonCode'),
  RequestId: plain('Request', 'RequestId'),
  Requester: plain('Requester', 'Requester'),
  RequiredDate: time('Access from', 'RequiredDate'),
  TicketNumber: plain('Ticket', 'TicketNumber'),
  UserName: { label: 'User', value: '{{ UserName }}{% if DomainName %} ({{ DomainName }}){% endif %}', when: 'UserName' },
} as const satisfies Record<string, Fact>;

export type FactName = keyof typeof FACTS;

/** What is known of every event; some types tell the name of the appliance too. */
export const eventFacts = (hasApplianceName: boolean): Fact[] => [
  time('Time', 'EventTimestamp'),
  named('Done by', 'EventUserDisplayName', 'EventUserName'),
  hasApplianceName ? named('Appliance', 'ApplianceName', 'ApplianceId') : plain('Appliance', 'ApplianceId'),
];

/** A fact about a property that has no text of its own. */
export const factOf = (label: string, property: string, isTime: boolean): Fact => (isTime ? time(label, property) : lines(label, property));
