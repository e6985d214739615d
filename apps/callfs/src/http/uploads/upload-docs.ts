import { applyDecorators } from '@nestjs/common';
import { ApiBearerAuth, ApiBody, ApiHeader, ApiOperation, ApiResponse, ApiTags } from '@nestjs/swagger';
import { ErrorResponses } from '../openapi/error-responses';
import { PART_MEDIA_TYPE } from './tus-headers';

const COMMIT_ERRORS = [
  'INVALID_PATH',
  'ELOOP',
  'IS_A_DIRECTORY',
  'PERMISSION_DENIED',
  'FILE_NOT_FOUND',
  'FILE_ALREADY_EXISTS',
  'PARENT_NOT_A_DIRECTORY',
  'PRECONDITION_FAILED',
  'LOCK_TIMEOUT',
  'STALE_LOCK',
  'LOCKS_UNAVAILABLE',
  'CONFLICT',
  'BACKEND_UNAVAILABLE',
  'PEER_UNAVAILABLE',
  'INSUFFICIENT_STORAGE',
] as const;
const UPLOAD_ERRORS = ['UNSUPPORTED_TUS_VERSION', 'UPLOAD_NOT_FOUND', 'UPLOAD_GONE'] as const;
const PART_ERRORS = [
  'CONTENT_LENGTH_MISMATCH',
  'PAYLOAD_TOO_LARGE',
  'UPLOAD_OFFSET_MISMATCH',
  'UPLOAD_TAKEN_OVER',
  'CHECKSUM_MISMATCH',
] as const;

const header = (name: string, description: string, required = false) =>
  ApiHeader({ name, description, required, schema: { type: 'string' } });
const version = header('Tus-Resumable', '`1.0.0`', true);
const checksum = header('Upload-Checksum', 'Algorithm and digest in Base64 of these bytes: `sha256 …`; also md5, sha1, sha512');
const answered = (status: number, description: string, ...names: string[]) =>
  ApiResponse({
    status,
    description,
    headers: Object.fromEntries(['Tus-Resumable', ...names].map((name) => [name, { schema: { type: 'string' } }])),
  });
const bytes = ApiBody({
  required: false,
  description: 'Bytes of the upload',
  schema: { type: 'string', format: 'binary' },
});
const shared = (summary: string, description: string) =>
  applyDecorators(ApiTags('uploads'), ApiBearerAuth(), ApiOperation({ summary, description }));

export const OptionsDocs = (): MethodDecorator =>
  applyDecorators(
    shared('What this server can do', 'Version and extensions of tus, the largest upload, the checksums.'),
    answered(204, 'In the header', 'Tus-Version', 'Tus-Extension', 'Tus-Max-Size', 'Tus-Checksum-Algorithm'),
  );

export const PostUploadDocs = (): MethodDecorator =>
  applyDecorators(
    shared(
      'Begin an upload that may come in parts',
      `Judged as a PUT of the path would be. With \`Content-Type: ${PART_MEDIA_TYPE}\` the body is the first bytes. ` +
        'With `Upload-Concat: final;…` a file is made of partial uploads at once.',
    ),
    version,
    header('Upload-Length', 'Bytes; not with a final one'),
    header(
      'Upload-Metadata',
      'Values in Base64: `path` (the file that it becomes), `overwrite`, `mtime`, `filetype`; others are kept and given back',
    ),
    header('Upload-Concat', '`partial`, or `final;` and the URLs of complete partial uploads'),
    header('If-Match', 'Judged now and in the commit'),
    header('If-None-Match', 'The same'),
    checksum,
    bytes,
    answered(201, 'Begun', 'Location', 'Upload-Offset', 'Upload-Expires', 'ETag'),
    ErrorResponses(...COMMIT_ERRORS, ...UPLOAD_ERRORS, ...PART_ERRORS),
  );

export const HeadUploadDocs = (): MethodDecorator =>
  applyDecorators(
    shared(
      'How many bytes of an upload are stored',
      'Whoever is sending bytes for it is stopped. An upload that is complete but is no file yet becomes one now, or says why not.',
    ),
    version,
    answered(200, 'So many', 'Upload-Offset', 'Upload-Length', 'Upload-Metadata', 'Upload-Expires', 'Upload-Concat'),
    ErrorResponses(...COMMIT_ERRORS, ...UPLOAD_ERRORS, 'UPLOAD_OFFSET_MISMATCH'),
  );

export const PatchUploadDocs = (): MethodDecorator =>
  applyDecorators(
    shared(
      'Send bytes of an upload',
      'What is acknowledged is durable. With the last byte the upload becomes a file, in one commit. What came before a ' +
        'connection broke is kept, unless there was a checksum.',
    ),
    version,
    header('Upload-Offset', 'How many bytes are stored', true),
    checksum,
    bytes,
    answered(204, 'Stored', 'Upload-Offset', 'Upload-Expires', 'ETag'),
    ErrorResponses(...COMMIT_ERRORS, ...UPLOAD_ERRORS, ...PART_ERRORS, 'UNSUPPORTED_MEDIA_TYPE'),
  );

export const DeleteUploadDocs = (): MethodDecorator =>
  applyDecorators(
    shared('Give an upload up', 'Its bytes are freed. A file that it has become stays.'),
    version,
    answered(204, 'Given up'),
    ErrorResponses(...UPLOAD_ERRORS),
  );

export const OverridingDocs = (): MethodDecorator =>
  applyDecorators(
    shared('PATCH or DELETE, for whom these methods do not get through', 'As the method that the field names.'),
    version,
    header('X-HTTP-Method-Override', '`PATCH` or `DELETE`', true),
    header('Upload-Offset', 'As with PATCH'),
    checksum,
    bytes,
    answered(204, 'Done', 'Upload-Offset', 'Upload-Expires', 'ETag'),
    ErrorResponses(...COMMIT_ERRORS, ...UPLOAD_ERRORS, ...PART_ERRORS, 'UNSUPPORTED_MEDIA_TYPE', 'METHOD_NOT_ALLOWED'),
  );
