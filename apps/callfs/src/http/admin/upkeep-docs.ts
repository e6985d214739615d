import { applyDecorators } from '@nestjs/common';
import { ApiBearerAuth, ApiOperation, ApiQuery, ApiResponse, ApiTags } from '@nestjs/swagger';
import { ErrorResponses } from '../openapi/error-responses';

const text = { type: 'string' } as const;
const integer = { type: 'integer' } as const;

const PLACE = { backend: text, instance_id: text, key: text };

const event = (name: string, properties: object) => ({
  type: 'object' as const,
  properties: { event: { type: 'string', enum: [name] }, ...properties },
});

const PROGRESS = event('progress', { blobs: integer, bytes: integer });
const FAILED = event('failed', { backend: text, message: text });
/** A node that could not be asked, or a backend. */
const UNASKED = event('failed', { backend: text, instance_id: text, message: text });

const FINDING = event('finding', {
  kind: text,
  message: text,
  state: { type: 'string', enum: ['found', 'repaired', 'kept'] },
  inode: integer,
  parent: integer,
  name: text,
  content: integer,
  found: integer,
  expected: integer,
  bytes: integer,
  paths: { type: 'array', items: text },
  ...PLACE,
});

const shared = (summary: string, description: string) =>
  applyDecorators(ApiTags('admin'), ApiBearerAuth(), ApiOperation({ summary, description }), ErrorResponses('PERMISSION_DENIED'));

const lines = (description: string, ...oneOf: object[]) =>
  ApiResponse({ status: 200, description, content: { 'application/x-ndjson': { schema: { oneOf } } } });

const garbageQuery = ApiQuery({
  name: 'adopt',
  required: false,
  description: "A backend that is made this metadata store's alone: blobs of others there are garbage then",
  schema: { type: 'string', enum: ['localfs', 's3'] },
});

const garbageLines = lines(
  'Lines of JSON; the last is the summary',
  event('blob', { reason: { type: 'string', enum: ['unreferenced', 'orphan'] }, bytes: integer, ...PLACE }),
  event('claim', { backend: text, others: { type: 'array', items: text }, claimed: { type: 'boolean' } }),
  PROGRESS,
  FAILED,
  event('summary', { removed: { type: 'boolean' }, trees: integer, blobs: integer, bytes: integer, waiting: integer }),
);

const fsckLines = lines(
  'Lines of JSON; the last is the summary',
  FINDING,
  PROGRESS,
  UNASKED,
  event('summary', {
    findings: integer,
    repaired: integer,
    remaining: integer,
    blobs: integer,
    elsewhere: integer,
    complete: { type: 'boolean' },
  }),
);

const fsckQuery = applyDecorators(
  ApiQuery({ name: 'verify_content', required: false, description: 'Read every byte', schema: { type: 'boolean' } }),
  ApiQuery({
    name: 'scope',
    required: false,
    description: '`node`: only the blobs of this node, without asking the others',
    schema: { type: 'string', enum: ['all', 'node'], default: 'all' },
  }),
);

export const GarbageDocs = (): MethodDecorator =>
  applyDecorators(shared('What could be freed', 'Changes nothing. Superuser only.'), garbageQuery, garbageLines);

export const CollectDocs = (): MethodDecorator =>
  applyDecorators(
    shared('Free what nothing refers to', 'What is younger than its grace stays. Superuser only.'),
    garbageQuery,
    garbageLines,
  );

export const FsckDocs = (): MethodDecorator =>
  applyDecorators(
    shared('Look for damage, on all nodes', 'Changes nothing. A node that cannot be asked is told of. Superuser only.'),
    fsckQuery,
    fsckLines,
  );

export const RepairDocs = (): MethodDecorator =>
  applyDecorators(
    shared('Look for damage on all nodes and mend it', 'Mends what can be mended without losing anything. Superuser only.'),
    fsckQuery,
    fsckLines,
  );

const SCRUB = {
  type: 'object' as const,
  properties: {
    backend: text,
    instance_id: text,
    state: { type: 'string', enum: ['running', 'waiting', 'off'] },
    rate_bytes: integer,
    started: { type: 'string', format: 'date-time', nullable: true },
    finished: { type: 'string', format: 'date-time', nullable: true },
    next: { type: 'string', format: 'date-time', nullable: true },
    blobs: integer,
    bytes: integer,
    damaged: {
      type: 'array',
      items: {
        type: 'object',
        properties: { key: text, content: integer, problem: text, found: text, paths: { type: 'array' } },
      },
    },
  },
};

export const ScrubStatusDocs = (): MethodDecorator =>
  applyDecorators(
    shared("How the check of this node's blobs goes", 'And what it has found damaged. Superuser only.'),
    ApiResponse({
      status: 200,
      description: 'One for each backend',
      content: {
        'application/json': { schema: { type: 'object', properties: { scrubs: { type: 'array', items: SCRUB } } } },
      },
    }),
  );

export const ScrubDocs = (): MethodDecorator =>
  applyDecorators(
    shared("Check all of this node's blobs now", 'Without regard to the rate. Superuser only.'),
    lines(
      'Lines of JSON; the last is the summary',
      FINDING,
      PROGRESS,
      event('summary', { findings: integer, remaining: integer, blobs: integer, bytes: integer, complete: { type: 'boolean' } }),
    ),
  );
