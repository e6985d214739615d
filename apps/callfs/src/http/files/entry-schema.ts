const text = { type: 'string' } as const;
const integer = { type: 'integer' } as const;
const time = { type: 'string', format: 'date-time', example: '2026-11-23T08:00:00.123456789Z' } as const;

/** `EntryView` for the OpenAPI document. */
export const ENTRY_SCHEMA = {
  type: 'object' as const,
  properties: {
    name: text,
    path: text,
    type: { type: 'string', enum: ['file', 'directory', 'symlink'] },
    size: integer,
    mode: { type: 'string', example: '0644' },
    uid: integer,
    gid: integer,
    owner: text,
    group: text,
    mtime: time,
    atime: time,
    ctime: time,
    etag: { type: 'string', nullable: true },
    nlink: integer,
    backend: text,
    instance_id: text,
    target: text,
  },
};
