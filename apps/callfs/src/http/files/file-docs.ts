import { applyDecorators } from '@nestjs/common';
import { ApiBearerAuth, ApiBody, ApiHeader, ApiOperation, ApiQuery, ApiResponse, ApiTags } from '@nestjs/swagger';
import { BinaryBody, BinaryResponse } from '../openapi/binary-docs';
import { ErrorResponses } from '../openapi/error-responses';
import { ENTRY_SCHEMA } from './entry-schema';

const PATH_ERRORS = ['INVALID_PATH', 'INVALID_REQUEST', 'ELOOP', 'PERMISSION_DENIED', 'FILE_NOT_FOUND'] as const;
const LOCK_ERRORS = ['LOCK_TIMEOUT', 'STALE_LOCK', 'LOCKS_UNAVAILABLE', 'CONFLICT'] as const;
const WRITE_ERRORS = [
  ...PATH_ERRORS,
  ...LOCK_ERRORS,
  'PRECONDITION_FAILED',
  'PARENT_NOT_A_DIRECTORY',
  'INSUFFICIENT_STORAGE',
] as const;
const BODY_ERRORS = ['CONTENT_LENGTH_MISMATCH', 'PAYLOAD_TOO_LARGE', 'UNSUPPORTED_ENCODING', 'UNSUPPORTED_MEDIA_TYPE'] as const;
const UPLOAD_ERRORS = [...BODY_ERRORS, 'DIGEST_MISMATCH', 'IS_A_DIRECTORY', 'BACKEND_UNAVAILABLE'] as const;

const header = (name: string, description: string) =>
  ApiHeader({ name, description, required: false, schema: { type: 'string' } });
const flag = (name: string, description: string) => ApiQuery({ name, description, required: false, schema: { type: 'boolean' } });
const entry = (status: number, description: string) =>
  ApiResponse({ status, description, content: { 'application/json': { schema: ENTRY_SCHEMA } } });
const shared = (summary: string, description: string) =>
  applyDecorators(ApiTags('files'), ApiBearerAuth(), ApiOperation({ summary, description }));

const conditions = applyDecorators(
  header('If-Match', 'Only if the ETag is one of these; checked again in the commit'),
  header('If-None-Match', 'Only if the ETag is none of these; `*`: only if there is nothing'),
);

const uploadHeaders = applyDecorators(
  header('Content-Digest', 'sha-256 or sha-512 of the body, checked before the commit (RFC 9530)'),
  header('Repr-Digest', 'The same'),
  header('X-CallFS-Mode', 'Octal mode of the file, as it will be'),
  header('X-CallFS-MTime', 'Modification time: RFC 3339, or seconds since the epoch'),
  header('X-OC-Mtime', 'The same, in seconds'),
);

export const GetDocs = (): MethodDecorator =>
  applyDecorators(
    shared(
      'Read a file, or list a directory',
      'A file: its bytes, whole or in ranges. A directory: a JSON array of its entries, by name.',
    ),
    flag('follow', 'false: a symbolic link at the end is answered itself, not what it leads to'),
    header('Range', 'Up to 16 byte ranges'),
    header('If-Range', 'Ranges only if the ETag or date is still this'),
    header('If-None-Match', 'Nothing new: 304'),
    header('If-Modified-Since', 'Nothing new: 304'),
    header('If-Match', 'Another version: 412'),
    header('If-Unmodified-Since', 'Another version: 412'),
    BinaryResponse(200, 'The bytes; for a directory, its entries'),
    BinaryResponse(206, 'The ranges'),
    ApiResponse({ status: 304, description: 'What the client has is current' }),
    ErrorResponses(...PATH_ERRORS, 'PRECONDITION_FAILED', 'RANGE_NOT_SATISFIABLE', 'BACKEND_UNAVAILABLE'),
  );

export const PostDocs = (): MethodDecorator =>
  applyDecorators(
    shared(
      'Create a file, a directory, a symbolic link or a copy',
      'A path with a trailing "/" makes a directory; `Content-Type: application/vnd.callfs.symlink+json` a symbolic link; ' +
        '`X-CallFS-Copy-Source` a copy; anything else a file. Missing parents are made. Nothing is overwritten.',
    ),
    header('X-CallFS-Copy-Source', 'Copy this path here; no bytes travel'),
    flag('recursive', 'With a copy: a directory with everything below it'),
    flag('overwrite', 'With a copy: give an existing file the content'),
    conditions,
    uploadHeaders,
    BinaryBody(),
    entry(201, 'Created'),
    entry(200, 'The directory was there already; the copy replaced a file'),
    ErrorResponses(...WRITE_ERRORS, ...UPLOAD_ERRORS, 'FILE_ALREADY_EXISTS'),
  );

export const PutDocs = (): MethodDecorator =>
  applyDecorators(
    shared(
      'Create or replace a file, atomically',
      'Readers see the whole old or the whole new content. Missing parents are made.',
    ),
    conditions,
    uploadHeaders,
    BinaryBody(),
    entry(200, 'Replaced'),
    entry(201, 'Created'),
    ErrorResponses(...WRITE_ERRORS, ...UPLOAD_ERRORS),
  );

const PLACE = {
  backend: { type: 'string', enum: ['localfs', 's3'], description: 'The backend that is to have the bytes' },
  instance: { type: 'string', description: 'The node that is to have them' },
};

export const PatchDocs = (): MethodDecorator =>
  applyDecorators(
    shared(
      'Rename, move, move the bytes, or change attributes',
      'Exactly one of `name`, `destination`, a place or attributes. A tree moves whole, all or nothing; its bytes file by file.',
    ),
    flag('follow', 'false: change a symbolic link itself'),
    conditions,
    ApiBody({
      schema: {
        oneOf: [
          { type: 'object', required: ['name'], properties: { name: { type: 'string' }, overwrite: { type: 'boolean' } } },
          {
            type: 'object',
            required: ['destination'],
            properties: {
              destination: { type: 'string' },
              overwrite: { type: 'boolean' },
              create_parents: { type: 'boolean' },
              ...PLACE,
            },
          },
          { type: 'object', minProperties: 1, properties: PLACE },
          {
            type: 'object',
            properties: {
              mode: { type: 'string', example: '0640' },
              owner: { type: 'string' },
              group: { type: 'string' },
              mtime: { type: 'string', example: '2026-11-23T08:00:00Z' },
              atime: { type: 'string', example: 'now' },
            },
          },
        ],
      },
    }),
    entry(200, 'The entry; after a move `{"path": …}`'),
    ErrorResponses(
      ...WRITE_ERRORS,
      ...BODY_ERRORS,
      ...(['FILE_ALREADY_EXISTS', 'DIRECTORY_NOT_EMPTY', 'IS_A_DIRECTORY'] as const),
      ...(['NODE_NOT_FOUND', 'PEER_UNAVAILABLE', 'BACKEND_UNAVAILABLE'] as const),
    ),
  );

export const DeleteDocs = (): MethodDecorator =>
  applyDecorators(
    shared(
      'Remove a file, a link or a directory',
      'A directory has to be empty, or `recursive=true` removes everything below it at once.',
    ),
    flag('recursive', 'Remove the whole tree'),
    conditions,
    ApiResponse({ status: 204, description: 'Removed' }),
    ErrorResponses(...PATH_ERRORS, ...LOCK_ERRORS, 'PRECONDITION_FAILED', 'DIRECTORY_NOT_EMPTY'),
  );

const value = (name: string, description: string, schema: object) => ApiQuery({ name, description, required: false, schema });

export const ListDocs = (): MethodDecorator =>
  applyDecorators(
    shared(
      'List a directory or a tree, in pages',
      'With `Accept: application/x-ndjson` any number of entries comes as lines of JSON; `{"skipped":n}` ends them where something was left out.',
    ),
    flag('recursive', 'Everything below; what the caller may not read is left out and counted in `skipped`'),
    value('max_depth', 'Levels below the immediate children', { type: 'integer', minimum: 0, maximum: 1000, default: 100 }),
    value('limit', 'Entries of a page', { type: 'integer', minimum: 1, maximum: 10_000, default: 1000 }),
    value('cursor', '`next_cursor` of the page before', { type: 'string' }),
    value('sort', 'Sorted before the limit applies', { type: 'string', enum: ['name', 'size', 'mtime'] }),
    value('order', 'Direction', { type: 'string', enum: ['asc', 'desc'] }),
    value('type', 'Only these', { type: 'string', enum: ['file', 'directory', 'symlink'] }),
    value('glob', 'Names that match: `*`, `?`, `[a-z]`, `[!a-z]`, `\\` takes the next literally', { type: 'string' }),
    ApiResponse({
      status: 200,
      description: 'A page, or lines',
      content: {
        'application/json': {
          schema: {
            type: 'object',
            properties: {
              path: { type: 'string' },
              type: { type: 'string', enum: ['directory'] },
              recursive: { type: 'boolean' },
              max_depth: { type: 'integer' },
              count: { type: 'integer' },
              items: { type: 'array', items: ENTRY_SCHEMA },
              next_cursor: { type: 'string' },
              skipped: { type: 'integer' },
            },
          },
        },
        'application/x-ndjson': { schema: ENTRY_SCHEMA },
      },
    }),
    ErrorResponses(...PATH_ERRORS, 'NOT_A_DIRECTORY'),
  );
