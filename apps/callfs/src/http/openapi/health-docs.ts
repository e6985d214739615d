import { applyDecorators } from '@nestjs/common';
import { ApiResponse, type ApiResponseSchemaHost } from '@nestjs/swagger';

const FOUND = {
  status: { type: 'string', enum: ['up', 'down'] },
  latency_ms: { type: 'number' },
  message: { type: 'string' },
};

const CHECKS: NonNullable<ApiResponseSchemaHost['schema']> = {
  type: 'object',
  additionalProperties: {
    type: 'object',
    properties: {
      ...FOUND,
      nodes: {
        type: 'object',
        description: 'Of `peers`: each other node',
        additionalProperties: { type: 'object', properties: FOUND },
      },
    },
  },
};

/** The two answers of a health route. */
export function HealthDocs(): MethodDecorator {
  return applyDecorators(
    ApiResponse({
      status: 200,
      description: 'Yes.',
      schema: { type: 'object', properties: { status: { type: 'string', enum: ['ok', 'degraded'] }, checks: CHECKS } },
    }),
    ApiResponse({
      status: 503,
      description: 'No: something without which no request can succeed is down, or the node is shutting down.',
      schema: {
        type: 'object',
        required: ['status', 'code', 'message', 'request_id'],
        properties: {
          status: { type: 'string', enum: ['error'] },
          code: { type: 'string', enum: ['METADATA_UNAVAILABLE', 'SHUTTING_DOWN'] },
          message: { type: 'string' },
          request_id: { type: 'string' },
          checks: CHECKS,
        },
      },
    }),
  );
}
