import type { OpenUpload } from '../../use-cases/uploads/uploads.service';

/** An upload under way as administrators see it. */
export interface UploadView {
  readonly id: string;
  readonly user: string;
  /** null: it becomes a part of another. */
  readonly path: string | null;
  readonly kind: OpenUpload['kind'];
  readonly size: number;
  readonly received: number;
  readonly created_at: string;
  readonly idle_ms: number;
  readonly expires_at: string;
}

export interface ExpiredUploadView {
  readonly id: string;
  /** `gone`: there was no open upload of this id. */
  readonly outcome: 'expired' | 'gone';
}

export function uploadView({
  id,
  user,
  path,
  kind,
  size,
  received,
  createdMs,
  lastActiveMs,
  expiresMs,
  nowMs,
}: OpenUpload): UploadView {
  return {
    id,
    user,
    path,
    kind,
    size,
    received,
    created_at: new Date(createdMs).toISOString(),
    idle_ms: Math.max(0, nowMs - lastActiveMs),
    expires_at: new Date(expiresMs).toISOString(),
  };
}

const text = { type: 'string' } as const;
const count = { type: 'integer' } as const;
const time = { type: 'string', format: 'date-time' } as const;

export const UPLOAD_SCHEMA = {
  type: 'object',
  properties: {
    id: text,
    user: text,
    path: { type: 'string', nullable: true, description: 'The file that it becomes; null: a part of another upload' },
    kind: { type: 'string', enum: ['plain', 'partial', 'final'] },
    size: count,
    received: { type: 'integer', description: 'Bytes that are stored' },
    created_at: time,
    idle_ms: { type: 'integer', description: 'Since a byte last came' },
    expires_at: time,
  },
};

export const EXPIRED_SCHEMA = {
  type: 'object',
  properties: { id: text, outcome: { type: 'string', enum: ['expired', 'gone'] } },
};
