import { Injectable } from '@nestjs/common';
import { requireAdministrator } from '@callfs/auth';
import type { Caller } from '../caller';
import { AuditLog } from './audit-log';
import { AuditRows, type AuditFilter, type AuditPosition, type StoredEntry } from './audit-rows';

/** Reading the audit log, for administrators. Nobody changes it. */
@Injectable()
export class AuditService {
  constructor(
    private readonly rows: AuditRows,
    private readonly log: AuditLog,
  ) {}

  /** Up to `limit` entries behind `after`; what this node has recorded before the call is among them. */
  async read({ identity, signal }: Caller, filter: AuditFilter, limit: number, after?: AuditPosition): Promise<StoredEntry[]> {
    requireAdministrator(identity);
    await this.log.flush();
    return this.rows.read(filter, limit, after, signal);
  }
}
