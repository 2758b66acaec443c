import { isDeepStrictEqual } from 'node:util';
import { idSliceOf, pageOf } from '../contract/page.js';
import { timeOf } from '../contract/time.js';
import type { AuditEntry, AuditEntryPage, AuditLogQuery, AuditedValue } from './audit-log.contract.js';
import type { AuditEntryRow, AuditFilter, AuditLogRepository } from './audit-log.repository.js';
import type { AuditedAction, AuditedType } from './audited-type.js';

/** Entries that one statement deletes: some tens of milliseconds. */
const PURGED_AT_ONCE = 5_000;

export class AuditLogService {
  /** @param retentionDays how long entries are kept; null: for ever */
  constructor(
    private readonly entries: AuditLogRepository,
    private readonly retentionDays: number | null,
  ) {}

  async list(query: AuditLogQuery): Promise<AuditEntryPage> {
    const slice = idSliceOf(query);
    return pageOf(await this.entries.list(slice, filterOf(query)), slice.limit, (row) => row.id, toAuditEntry);
  }

  /** Deletes what has had its time. False when there may be more to do. */
  async purge(): Promise<boolean> {
    return this.retentionDays === null || (await this.entries.purge(this.retentionDays, PURGED_AT_ONCE)) < PURGED_AT_ONCE;
  }
}

function filterOf({ limit: _limit, cursor: _cursor, from, until, ...equal }: AuditLogQuery): AuditFilter {
  const [gte, lt] = [timeOf('from', from, 'parameter'), timeOf('until', until, 'parameter')];
  return { ...equal, at: { ...(gte && { gte }), ...(lt && { lt }) } };
}

function toAuditEntry({ id, at, actor, actorKeyId, remoteAddress, requestId, action, resourceType, resourceId, ...values }: AuditEntryRow): AuditEntry {
  const [oldValue, newValue] = [values.oldValue as AuditedValue | null, values.newValue as AuditedValue | null];
  return {
    id, at: at.toISOString(), actor, actorKeyId, remoteAddress, requestId, action: action as AuditedAction, resourceType: resourceType as AuditedType, resourceId,
    oldValue, newValue, changed: differences(oldValue ?? {}, newValue ?? {}),
  };
}

const differences = (before: AuditedValue, after: AuditedValue): string[] =>
  [...new Set([...Object.keys(before), ...Object.keys(after)])].filter((name) => !isDeepStrictEqual(before[name], after[name])).sort();
