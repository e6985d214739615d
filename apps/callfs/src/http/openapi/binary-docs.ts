import { applyDecorators } from '@nestjs/common';
import { ApiBody, ApiResponse } from '@nestjs/swagger';

const BYTES = { type: 'string', format: 'binary' } as const;

/** The request's body is the content itself. */
export function BinaryBody(description = 'The content, as it is.'): MethodDecorator {
  return applyDecorators(ApiBody({ description, required: false, schema: BYTES }));
}

/** The answer's body is the content itself, whole or in part. */
export function BinaryResponse(status: number, description: string): MethodDecorator {
  return ApiResponse({ status, description, content: { 'application/octet-stream': { schema: BYTES } } });
}
