import { applyDecorators } from '@nestjs/common';
import { ApiBearerAuth, ApiBody, ApiHeader, ApiOperation, ApiQuery, ApiResponse, ApiTags } from '@nestjs/swagger';
import { BinaryResponse } from '../openapi/binary-docs';
import { ErrorResponses } from '../openapi/error-responses';
import { EXPIRY_MAX_SECONDS, USES_MAX } from './link-request';

const keyed = (summary: string, description: string) =>
  applyDecorators(ApiTags('links'), ApiBearerAuth(), ApiOperation({ summary, description }));
const header = (name: string, description: string) =>
  ApiHeader({ name, description, required: false, schema: { type: 'string' } });

const text = { type: 'string' } as const;
const time = { type: 'string', format: 'date-time' } as const;

export const GenerateLinkDocs = (): MethodDecorator =>
  applyDecorators(
    keyed(
      'Make a download link',
      'Whoever has the link gets the file as it is now, without a key, so often and until then. Needs read permission, now and whenever it is used. It ends with the key that it is made with, when that is revoked or expires.',
    ),
    ApiBody({
      schema: {
        type: 'object',
        required: ['path', 'expiry_seconds'],
        properties: {
          path: text,
          expiry_seconds: { type: 'integer', minimum: 1, maximum: EXPIRY_MAX_SECONDS },
          max_uses: { type: 'integer', minimum: 1, maximum: USES_MAX, default: 1 },
          filename: { ...text, description: 'The name to save it under' },
          password: text,
          allow_cidrs: { type: 'array', minItems: 1, items: { type: 'string', example: '10.0.0.0/8' } },
        },
      },
    }),
    ApiResponse({
      status: 201,
      description: 'The link; its token is told this once',
      schema: {
        type: 'object',
        properties: { id: text, url: text, token: text, expires_at: time, max_uses: { type: 'integer' } },
      },
    }),
    ErrorResponses(
      'INVALID_PATH',
      'INVALID_REQUEST',
      'IS_A_DIRECTORY',
      'ELOOP',
      'PERMISSION_DENIED',
      'FILE_NOT_FOUND',
      'PAYLOAD_TOO_LARGE',
      'UNSUPPORTED_MEDIA_TYPE',
      'UNSUPPORTED_ENCODING',
      'INSUFFICIENT_STORAGE',
    ),
  );

export const ListLinksDocs = (): MethodDecorator =>
  applyDecorators(
    keyed('List download links', "One's own, the newest first; the superuser's list has everybody's. Tokens are not in it."),
    ApiQuery({ name: 'limit', required: false, schema: { type: 'integer', minimum: 1, maximum: 10_000, default: 1000 } }),
    ApiQuery({ name: 'cursor', description: '`next_cursor` of the page before', required: false, schema: text }),
    ApiResponse({
      status: 200,
      description: 'A page',
      schema: {
        type: 'object',
        properties: {
          count: { type: 'integer' },
          items: {
            type: 'array',
            items: {
              type: 'object',
              properties: {
                id: text,
                path: text,
                filename: text,
                user: text,
                key_id: { ...text, nullable: true, description: 'The key that it was made with' },
                status: { type: 'string', enum: ['active', 'used_up', 'expired', 'revoked'] },
                max_uses: { type: 'integer' },
                uses: { type: 'integer' },
                created_at: time,
                expires_at: time,
                has_password: { type: 'boolean' },
                allow_cidrs: { type: 'array', items: text },
              },
            },
          },
          next_cursor: text,
        },
      },
    }),
    ErrorResponses('INVALID_REQUEST'),
  );

export const RevokeLinkDocs = (): MethodDecorator =>
  applyDecorators(
    keyed('Revoke a download link', 'Downloads that have begun go on; none begins, and none is continued.'),
    ApiResponse({ status: 204, description: 'Revoked, now or before' }),
    ErrorResponses('LINK_NOT_FOUND'),
  );

export const DownloadDocs = (): MethodDecorator =>
  applyDecorators(
    ApiTags('links'),
    ApiOperation({
      summary: 'Download by link',
      description:
        'No key; the token opens it. A use is spent when the bytes begin to flow: never by HEAD, 304, 412, 416 or an error. ' +
        'A transfer that broke is continued without another use by `Range` and `If-Range` with the ticket of its answer, from the same address, within ten minutes.',
    }),
    header('Authorization', 'Basic, with any user name and the password of the link'),
    header('X-CallFS-Link-Password', 'The same password'),
    header('X-CallFS-Resume-Ticket', 'As the answer that broke had it; browsers send it as a cookie'),
    header('Range', 'Up to 16 byte ranges'),
    header('If-Range', 'Ranges only if the ETag is still this'),
    BinaryResponse(200, 'The bytes'),
    BinaryResponse(206, 'The ranges'),
    ApiResponse({ status: 304, description: 'What the client has is current' }),
    ErrorResponses(
      'LINK_PASSWORD_REQUIRED',
      'PERMISSION_DENIED',
      'LINK_NOT_FOUND',
      'LINK_GONE',
      'PRECONDITION_FAILED',
      'RANGE_NOT_SATISFIABLE',
      'RATE_LIMIT_EXCEEDED',
      'METADATA_UNAVAILABLE',
      'BACKEND_UNAVAILABLE',
    ),
  );
