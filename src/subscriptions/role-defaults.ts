/** What the people of a role usually want mail for. */
export const ROLE_DEFAULTS = {
  applianceAdministrator: [
    'ApplianceHealthy', 'ApplianceRestarted', 'ApplianceSick', 'ArchiveTaskFailed', 'ClusterFailoverStarted',
    'ClusterReplicaEnrollmentCompleted', 'ClusterReplicaRemovalStarted', 'ClusterResetStarted', 'DiskUsageWarning', 'FactoryResetAppliance',
    'LicenseExpired', 'LicenseExpiringSoon', 'NtpErrorDetected', 'OperationalModeAppliance', 'RaidErrorDetected', 'RebootAppliance',
    'ShutdownAppliance', 'EmailNotificationFailed',
  ],
  assetAdministrator: [
    'AccountDiscoveryFailed', 'DependentAssetUpdateFailed', 'PasswordChangeFailed', 'PasswordCheckFailed', 'PasswordCheckMismatch',
    'PasswordResetNeeded', 'RestoreAccountFailed', 'SshHostKeyMismatch', 'SshKeyChangeFailed', 'SshKeyInstallFailed',
    'SuspendAccountFailed', 'TestConnectionFailed',
  ],
  securityPolicyAdministrator: [
    'PolicyExpirationWarning', 'PolicyExpired', 'RoleExpirationWarning', 'RoleExpired',
  ],
  workflowUser: [
    'AccessRequestApproved', 'AccessRequestDenied', 'AccessRequestExpired', 'AccessRequestPendingApproval', 'AccessRequestRevoked',
    'ReviewNeeded',
  ],
} satisfies Record<string, string[]>;

export type SubscriptionRole = keyof typeof ROLE_DEFAULTS;
