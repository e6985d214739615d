import type { StoredEntry } from '../../use-cases/audit/audit-rows';

/** An entry of the audit log as the API shows it. */
export interface AuditView {
  readonly time: string;
  readonly user: string;
  readonly key_id: string;
  readonly operation: string;
  readonly path: string | null;
  readonly target: string | null;
  readonly address: string;
  readonly status: number;
  readonly code: string;
  readonly request_id: string;
  readonly detail: string | null;
  readonly instance_id: string;
  /** Counts the entries of one run of the instance. */
  readonly seq: number;
}

export function auditView(entry: StoredEntry): AuditView {
  const { atMs, user, keyId, operation, path, target, address, status, code, requestId, detail, instanceId, seq } = entry;
  return {
    time: new Date(atMs).toISOString(),
    user,
    key_id: keyId,
    operation,
    path,
    target,
    address,
    status,
    code,
    request_id: requestId,
    detail,
    instance_id: instanceId,
    seq,
  };
}

const text = { type: 'string' } as const;
const maybe = { type: 'string', nullable: true } as const;

export const AUDIT_SCHEMA = {
  type: 'object',
  properties: {
    time: { type: 'string', format: 'date-time' },
    user: { type: 'string', description: 'Empty when nobody was recognised; of a download, whose link it is' },
    key_id: text,
    operation: { type: 'string', description: '`put`, `rename`, `download`, …, or method and route' },
    path: maybe,
    target: { ...maybe, description: 'The other path of a move' },
    address: text,
    status: { type: 'integer' },
    code: { type: 'string', description: '`OK`, or the code of the error' },
    request_id: text,
    detail: maybe,
    instance_id: text,
    seq: { type: 'integer' },
  },
};
