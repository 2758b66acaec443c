import { Controller, Get, Queries, Route, Security, Tags } from '@tsoa/runtime';
import type { AuditEntryPage, AuditLogQuery } from './audit-log.contract.js';
import type { AuditLogService } from './audit-log.service.js';

@Route('audit-log')
@Tags('Audit log')
export class AuditLogController extends Controller {
  constructor(private readonly auditLog: AuditLogService) {
    super();
  }

  /**
   * Lists changes, newest first: who changed what, when and from where, with the resource as it was and as it became, without its secrets. A change and its
   * entry are written in one transaction: there is neither without the other.
   *
   * Entries cannot be changed. They are kept for ever, or for MAILROOM_AUDIT_RETENTION_DAYS; that old ones were deleted is an entry of its own (`auditLog`).
   * @summary List the audit log
   */
  @Get()
  @Security('apiKey', ['administrator', 'auditor'])
  public async listAuditLog(@Queries() query: AuditLogQuery): Promise<AuditEntryPage> {
    return this.auditLog.list(query);
  }
}
