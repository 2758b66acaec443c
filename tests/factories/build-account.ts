import type { AssetAccountWrite, DirectoryAccountWrite } from '../../src/accounts/accounts.contract.js';

/** A valid directory account. */
export const buildAccount = (overrides: Partial<DirectoryAccountWrite> = {}): DirectoryAccountWrite => ({
  kind: 'directory',
  domainName: 'corp.example.com',
  accountName: 'svc-mail@corp.example.com',
  password: 'directory-password',
  allowedServers: ['mail.example.com'],
  ...overrides,
});

/** A valid asset account. */
export const buildAssetAccount = (overrides: Partial<AssetAccountWrite> = {}): AssetAccountWrite => ({
  kind: 'asset',
  assetName: 'mail-relay-01',
  accountName: 'mailroom',
  password: 'asset-password',
  allowedServers: ['10.0.0.25'],
  ...overrides,
});
