import { applyDecorators } from '@nestjs/common';
import { ApiParam, ApiResponse } from '@nestjs/swagger';
import { ErrorResponses } from '../openapi/error-responses';
import { ISSUED_KEY_SCHEMA, REVOCATION_SCHEMA } from './key-view';

/** What a request for a key is answered, whoever's key it is to be. */
export const IssueKeyResponses = (): MethodDecorator =>
  applyDecorators(
    ApiResponse({
      status: 201,
      description: 'The key, this once',
      content: { 'application/json': { schema: ISSUED_KEY_SCHEMA } },
    }),
    ErrorResponses(
      'INVALID_PATH',
      'INSUFFICIENT_STORAGE',
      'USER_NOT_FOUND',
      'PAYLOAD_TOO_LARGE',
      'UNSUPPORTED_MEDIA_TYPE',
      'UNSUPPORTED_ENCODING',
    ),
  );

/** What a revocation asks for and is answered. */
export const RevocationDocs = (): MethodDecorator =>
  applyDecorators(
    ApiParam({ name: 'id', required: true, schema: { type: 'string' } }),
    ApiResponse({
      status: 200,
      description: 'What ended with it',
      content: { 'application/json': { schema: REVOCATION_SCHEMA } },
    }),
    ErrorResponses('KEY_NOT_FOUND'),
  );
