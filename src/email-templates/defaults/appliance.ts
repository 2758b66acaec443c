import type { Draft, Drafts } from '../draft.js';
import { about } from './phrases.js';

const onAppliance = (draft: Draft): Draft => ({ subject: about('ApplianceName'), facts: ['ErrorMessage'], ...draft });

const APPLIANCE = '{{ ApplianceName | default: "The appliance" }}';
const THE_APPLIANCE = '{{ ApplianceName | default: "the appliance" }}';
const BY_USER = '{% if EventUserDisplayName or EventUserName %} by {{ EventUserDisplayName | default: EventUserName }}{% endif %}';
const UNPLANNED = 'If this was not planned, find out in the audit log who ordered it.';

/** The health and operation of an appliance, and the mail that it sends. */
export const appliance: Drafts = {
  ApplianceHealthy: onAppliance({
    heading: 'The appliance is healthy again',
    lead: `${APPLIANCE} is working normally again.`,
    meaning: 'The fault that was reported before is over.',
  }),
  ApplianceSick: onAppliance({
    accent: 'error',
    heading: 'The appliance reports a fault',
    lead: `${APPLIANCE} has found a fault that keeps it from working normally.`,
    meaning: 'Requests, password changes and other tasks may fail until it is put right.',
    next: 'Open the health page of the appliance, check disk, memory, network and cluster, and create a support bundle if you need help.',
  }),
  ApplianceRestarted: onAppliance({
    heading: 'The appliance has restarted',
    lead: `${APPLIANCE} has restarted and is available again.`,
    next: UNPLANNED,
  }),
  RebootAppliance: onAppliance({
    heading: 'The appliance is restarting',
    lead: `A restart of ${THE_APPLIANCE} was ordered${BY_USER}.`,
    meaning: 'It is not available for some minutes.',
    next: UNPLANNED,
  }),
  ShutdownAppliance: onAppliance({
    accent: 'warning',
    heading: 'The appliance is shutting down',
    lead: `A shutdown of ${THE_APPLIANCE} was ordered${BY_USER}.`,
    meaning: 'It is not available until somebody switches it on again.',
    next: UNPLANNED,
  }),
  FactoryResetAppliance: onAppliance({
    accent: 'error',
    heading: 'The appliance was reset to factory settings',
    lead: `${APPLIANCE} was reset to its factory settings${BY_USER}.`,
    meaning: 'All of its data is erased, and only a backup brings it back.',
    next: 'If this was not planned, treat it as an attack: secure the other appliances and your backups first.',
  }),
  QuarantineAppliance: onAppliance({
    accent: 'error',
    heading: 'The appliance is in quarantine',
    lead: `${APPLIANCE} has entered quarantine and serves no requests.`,
    meaning: 'It does so when it cannot go on safely.',
    next: 'Connect to its recovery console, create a support bundle, and restart it or restore a backup.',
  }),
  OperationalModeAppliance: onAppliance({
    heading: 'The appliance is in operation again',
    lead: `${APPLIANCE} has ended maintenance and is in normal operation again.`,
  }),
  ApplianceStateChanged: onAppliance({
    heading: 'The appliance has changed its state',
    lead: `${APPLIANCE} has changed its operating state.`,
    next: 'If you did not expect this, look at its state and health.',
  }),
  DiskUsageWarning: onAppliance({
    subject: `${about('ApplianceName')}{% if DiskUsagePercent %} ({{ DiskUsagePercent }} % in use){% endif %}`,
    heading: 'The disk is filling up',
    lead: '{% if DiskUsagePercent %}{{ DiskUsagePercent }} % of the disk of {{ ApplianceName | default: "the appliance" }} is in use.'
      + '{% else %}The disk of {{ ApplianceName | default: "the appliance" }} is filling up.{% endif %}',
    meaning: 'When it is full, backups fail and new sessions cannot be recorded.',
    next: 'Copy session recordings and backups to an archive server, then delete old ones on the appliance.',
    facts: ['DiskUsagePercent'],
  }),
  ApplianceMemoryLow: onAppliance({
    accent: 'warning',
    heading: 'Memory is running low',
    lead: `${APPLIANCE} has little free memory left.`,
    next: 'Give a virtual appliance more memory, or spread the load over more appliances. Restart it if it becomes slow.',
  }),
  ApplianceOutOfMemory: onAppliance({
    accent: 'error',
    heading: 'Memory is used up',
    lead: `${APPLIANCE} has run out of memory.`,
    meaning: 'Tasks may break off, and it may restart by itself.',
    next: 'Restart it when that is possible, then give it more memory or less load. Create a support bundle if it happens again.',
  }),
  RaidErrorDetected: onAppliance({
    heading: 'A disk of the RAID array reports an error',
    lead: `A disk in the RAID array of ${THE_APPLIANCE} reports an error.`,
    meaning: 'The other disks still hold all data, but the next fault could destroy it.',
    next: 'Make a backup now, then have the disk replaced.',
  }),
  NtpErrorDetected: onAppliance({
    heading: 'The time server cannot be used',
    lead: `${APPLIANCE} cannot take its time from its time server (NTP).`,
    meaning: 'When clocks drift apart, sign-ins, one-time codes and certificates fail, and times in logs are wrong.',
    next: 'Check the address of the time server, and that UDP port 123 is open to it.',
  }),
  NtpDriftDetected: onAppliance({
    accent: 'warning',
    heading: 'The clock is not exact',
    lead: `The clock of ${THE_APPLIANCE} differs from its time server (NTP).`,
    next: 'Check the time server. If it is right, set the clock of the appliance in a maintenance window.',
  }),
  PatchFailed: onAppliance({
    subject: about('PatchVersion'),
    heading: 'A patch could not be installed',
    lead: 'The installation of {% if PatchVersion %}version {{ PatchVersion }}{% else %}a patch{% endif %} failed.',
    next: 'Check the health and the free disk space of the appliance, then install the patch again.',
    facts: ['PatchVersion', 'ErrorMessage'],
  }),
  SchedulerJobFailed: onAppliance({
    heading: 'A scheduled job failed',
    lead: `A scheduled job of ${THE_APPLIANCE} failed.`,
    next: 'It runs again as scheduled. If it fails again, look for the cause in the audit log.',
  }),
  EmailNotificationFailed: {
    subject: '{% if FailedEventName %}: {{ FailedEventName }}{% endif %}',
    heading: 'E-mails could not be delivered',
    lead: '{% if FailedCount == 1 %}One e-mail{% elsif FailedCount %}{{ FailedCount }} e-mails{% else %}E-mails{% endif %} about '
      + '{% if FailedEventCount %}{{ FailedEventCount }} events{% elsif FailedEventName %}the event {{ FailedEventName }}{% else %}an event{% endif %} could not be delivered and will not be tried again.',
    meaning: 'The people who should have got them do not know of it yet.',
    next: 'Check the addresses below, run an SMTP test, and send the failed e-mails again once the cause is put right.',
    facts: ['FailedEventName', 'FailedEventId', 'FailedEventCount', 'FailedCount', 'FailedAddresses', 'ErrorMessage'],
  },
  EmailClientConfigSendTestEmail: onAppliance({
    heading: 'A test e-mail was sent',
    lead: `A test e-mail was sent${BY_USER} to check the mail settings.`,
  }),
  Test: {
    heading: 'This is a test',
    lead: 'A test event was published to see whether notifications arrive. They do.',
    meaning: 'Nothing has happened, and you need not do anything.',
  },
};
