import type { Draft, Drafts } from '../draft.js';
import { about } from './phrases.js';

const onBackup = (draft: Draft): Draft => ({ subject: about('BackupName'), facts: ['BackupName', 'ArchiveServerName', 'ErrorMessage'], ...draft });
const onArchive = (draft: Draft): Draft => ({ ...onBackup(draft), subject: about('ArchiveServerName') });

const TO_SERVER = '{% if ArchiveServerName %} to {{ ArchiveServerName }}{% endif %}';
const THE_BACKUP = 'The backup{% if BackupName %} {{ BackupName }}{% endif %}';
const FROM_BACKUP = 'from {{ BackupName | default: "a backup" }}';

/** Backups, restores and the archive. */
export const backups: Drafts = {
  ApplianceBackupStarted: onBackup({
    heading: 'A backup has started',
    lead: 'The appliance is being backed up.',
  }),
  ApplianceBackupCompleted: onBackup({
    heading: 'A backup is complete',
    lead: `${THE_BACKUP} of the appliance is complete.`,
    next: 'Keep a copy off the appliance: without an archive server it would be lost together with it.',
  }),
  ApplianceBackupFailed: onBackup({
    heading: 'A backup failed',
    lead: 'The appliance could not be backed up.',
    meaning: 'If the appliance were lost now, all changes since the last good backup would be lost with it.',
    next: 'Check the free disk space and the health of the appliance, then start a backup by hand.',
  }),
  ApplianceBackupUploaded: onBackup({
    heading: 'A backup was uploaded',
    lead: 'A backup was uploaded to the appliance and can be restored.',
    next: 'If this was not planned, find out who uploaded it before anybody restores it.',
  }),
  ApplianceBackupUploadFailed: onBackup({
    heading: 'A backup could not be uploaded',
    lead: `${THE_BACKUP} could not be uploaded.`,
    next: 'Check that the file is whole and was made by an appliance whose version fits, then upload it again.',
  }),
  ApplianceBackupDownloaded: onBackup({
    accent: 'warning',
    heading: 'A backup was downloaded',
    lead: `${THE_BACKUP} was downloaded{% if EventUserDisplayName or EventUserName %} by {{ EventUserDisplayName | default: EventUserName }}{% endif %}.`,
    meaning: 'A backup holds every secret of the appliance, in encrypted form.',
    next: 'If this was not planned, treat it as a loss of data and find out where the file went.',
  }),
  ApplianceBackupDeleted: onBackup({
    heading: 'A backup was deleted',
    lead: `${THE_BACKUP} was deleted from the appliance.`,
    next: 'Make sure that enough other backups are left.',
  }),
  DeletedUnarchivedBackup: onBackup({
    accent: 'warning',
    heading: 'A backup was deleted before it was archived',
    lead: `${THE_BACKUP} was deleted before it had been copied to an archive server.`,
    meaning: 'No copy of it is left.',
    next: 'Check the archive server and its schedule, and start a new backup.',
  }),
  ApplianceRestoreStarted: onBackup({
    accent: 'warning',
    heading: 'A restore has started',
    lead: `The appliance is being restored ${FROM_BACKUP} and is not available meanwhile.`,
    meaning: 'Everything that changed after the backup was made is replaced.',
  }),
  ApplianceRestoreCompleted: onBackup({
    heading: 'A restore is complete',
    lead: `The appliance was restored ${FROM_BACKUP}.`,
    next: 'Check the passwords of important accounts: those changed after the backup was made no longer agree with the stored ones.',
  }),
  ApplianceRestoreFailed: onBackup({
    heading: 'A restore failed',
    lead: `The appliance could not be restored ${FROM_BACKUP}.`,
    next: 'Check that the backup fits the version of the appliance, and try another backup if it fails again.',
  }),
  ArchiveTaskSucceeded: onArchive({
    heading: 'Archiving succeeded',
    lead: `Backups or session recordings were copied${TO_SERVER.replace('{% endif %}', '{% else %} to the archive server{% endif %}')}.`,
  }),
  ArchiveTaskFailed: onArchive({
    heading: 'Archiving failed',
    lead: `Backups or session recordings could not be copied${TO_SERVER.replace('{% endif %}', '{% else %} to the archive server{% endif %}')}.`,
    meaning: 'They exist on the appliance only, and take up its disk space.',
    next: 'Check that the archive server can be reached, has free space and accepts the account, then run the task again.',
  }),
};
