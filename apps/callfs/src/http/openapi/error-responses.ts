import { applyDecorators } from '@nestjs/common';
import { ApiResponse } from '@nestjs/swagger';
import type { ErrorCode } from '@callfs/core';
import { ERROR_TABLE } from '../error-table';

/** What any route can answer; the document adds it everywhere (`document.ts`). */
export const COMMON_ERRORS: readonly ErrorCode[] = [
  'INVALID_REQUEST',
  'REQUEST_TIMEOUT',
  'URI_TOO_LONG',
  'HEADERS_TOO_LARGE',
  'INTERNAL_ERROR',
];

/** What any route that needs a key can answer beside that. */
export const KEYED_ERRORS: readonly ErrorCode[] = ['AUTHENTICATION_FAILED', 'RATE_LIMIT_EXCEEDED', 'METADATA_UNAVAILABLE'];

/** Declares the conditions that a handler's answers can name, each under the status the error table gives it. */
export function ErrorResponses(...codes: ErrorCode[]): MethodDecorator & ClassDecorator {
  return applyDecorators(...responsesOf(codes).map((response) => ApiResponse(response)));
}

/** One response for each status: its codes, and what they mean. */
export function responsesOf(codes: readonly ErrorCode[]) {
  const byStatus = new Map<number, Map<string, string[]>>();
  for (const code of codes) {
    const { status, publicCode = code, meaning } = ERROR_TABLE[code];
    const meanings = byStatus.get(status) ?? new Map<string, string[]>();
    byStatus.set(status, meanings.set(publicCode, [...(meanings.get(publicCode) ?? []), meaning]));
  }
  return [...byStatus].map(([status, meanings]) => ({
    status,
    description: [...meanings].map(([code, texts]) => `\`${code}\`: ${texts.join(' ')}`).join('\n\n'),
    content: {
      'application/json': {
        schema: {
          allOf: [
            { $ref: '#/components/schemas/Error' },
            { type: 'object', properties: { code: { type: 'string', enum: [...meanings.keys()] } } },
          ],
        },
      },
    },
  }));
}
