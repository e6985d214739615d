import type { INestApplication } from '@nestjs/common';
import { DocumentBuilder, SwaggerModule, type OpenAPIObject } from '@nestjs/swagger';
import type { ErrorCode } from '@callfs/core';
import type { RouteCatalogue } from '../route-catalogue';
import { COMMON_ERRORS, KEYED_ERRORS, responsesOf } from './error-responses';

type Operation = NonNullable<OpenAPIObject['paths'][string]['get']>;
type Schemas = NonNullable<NonNullable<OpenAPIObject['components']>['schemas']>;

/** Of the contract, not of the program: it changes when a client would have to. */
const API_VERSION = '1.0';

const ERROR_SCHEMA: Schemas[string] = {
  type: 'object',
  required: ['code', 'message', 'request_id'],
  properties: {
    code: { type: 'string', description: 'Names the condition; what programs should look at.' },
    message: { type: 'string', description: 'Says what is wrong and what to do next.' },
    request_id: { type: 'string', description: 'The same as `X-Request-ID`; the log has it.' },
  },
  additionalProperties: true,
};

const REQUEST_ID_HEADER = { description: 'Names this exchange in the log.', schema: { type: 'string' } };

/**
 * The OpenAPI document, made from the decorators of the controllers and completed from the routes that are really
 * there: paths as a reader writes them (`{path}`), HEAD beside each GET, and the answers that every route shares.
 */
export function buildDocument(app: INestApplication, routes: RouteCatalogue): OpenAPIObject {
  const config = new DocumentBuilder()
    .setTitle('CallFS')
    .setDescription('A REST filesystem: Linux filesystem semantics over HTTP.')
    .setVersion(API_VERSION)
    .addBearerAuth({ type: 'http', scheme: 'bearer', description: 'An API key.' })
    .build();
  const scanned = SwaggerModule.createDocument(app, config, { deepScanRoutes: true });
  const paths: OpenAPIObject['paths'] = {};
  for (const { method, pattern, open } of routes.routes) {
    if (isDocumentation(pattern)) continue;
    const path = readable(pattern);
    const operation = operationOf(scanned.paths[path], method);
    if (operation === undefined) continue;
    const item = (paths[path] ??= {});
    item[method.toLowerCase() as 'get'] = complete(operation, method, path, open);
  }
  paths['/docs'] = { get: documentationPage('This document, to read and to try out', 'text/html') };
  paths['/docs-json'] = { get: documentationPage('This document', 'application/json') };
  const schemas = { ...scanned.components?.schemas, Error: ERROR_SCHEMA };
  return { ...scanned, paths, components: { ...scanned.components, schemas } };
}

/** Whether a route only serves the document itself or the files its page needs. */
export function isDocumentation(pattern: string): boolean {
  return pattern === '/docs' || pattern.startsWith('/docs/') || pattern === '/docs-json';
}

/** A router's pattern as OpenAPI writes it: `/v1/files/*` → `/v1/files/{path}`, `/v1/links/:id` → `/v1/links/{id}`. */
export function readable(pattern: string): string {
  return pattern.replace(/:([A-Za-z0-9_]+)/g, '{$1}').replace('*', '{path}');
}

function operationOf(item: OpenAPIObject['paths'][string] | undefined, method: string): Operation | undefined {
  const operation = item?.[method.toLowerCase() as 'get'];
  return operation ?? (method === 'HEAD' ? item?.get : undefined);
}

function complete(operation: Operation, method: string, path: string, open: boolean): Operation {
  const isHead = method === 'HEAD';
  const responses: Operation['responses'] = {};
  for (const [status, response] of Object.entries(operation.responses)) {
    const { content, ...rest } = response as { content?: object; description: string; headers?: object };
    responses[status] = {
      ...rest,
      headers: { 'X-Request-ID': REQUEST_ID_HEADER, ...rest.headers },
      ...(isHead || content === undefined ? {} : { content }),
    } as never;
  }
  for (const { status, description, content } of responsesOf([...COMMON_ERRORS, ...(open ? [] : KEYED_ERRORS)])) {
    responses[status] = merged(responses[status] as ErrorResponse | undefined, {
      description,
      content: isHead ? undefined : content,
    });
  }
  const declared = (operation.parameters ?? []) as Parameter[];
  const missing = placeholdersOf(path).filter((name) => !declared.some((parameter) => parameter.name === name));
  const parameters = [...missing.map(pathParameter), ...declared];
  const operationId = isHead && operation.operationId ? `${operation.operationId}_head` : operation.operationId;
  return { ...operation, operationId, parameters, responses, security: open ? [] : [{ bearer: [] }] };
}

type Parameter = Extract<NonNullable<Operation['parameters']>[number], { name: string }>;

function placeholdersOf(path: string): string[] {
  return [...path.matchAll(/\{(\w+)\}/g)].map((match) => match[1] ?? '');
}

function pathParameter(name: string): Parameter {
  const description =
    name === 'path' ? 'A path of the tree, percent-encoded: `/` between names, a trailing `/` says "a directory".' : undefined;
  return { name, in: 'path', required: true, description, schema: { type: 'string' } };
}

type ErrorResponse = { description: string; headers?: object; content?: ReturnType<typeof responsesOf>[number]['content'] };

/** A status that a handler declares and every route shares has the codes of both. */
function merged(own: ErrorResponse | undefined, shared: ErrorResponse): never {
  if (own === undefined) return { headers: { 'X-Request-ID': REQUEST_ID_HEADER }, ...shared } as never;
  const ownSchema = own.content?.['application/json']?.schema?.allOf?.[1];
  const sharedSchema = shared.content?.['application/json'].schema.allOf[1];
  const codes = [...new Set([...codesIn(ownSchema), ...codesIn(sharedSchema)])];
  const description = [...new Set([...own.description.split('\n\n'), ...shared.description.split('\n\n')])].join('\n\n');
  if (shared.content === undefined || ownSchema === undefined) return { ...own, description } as never;
  const schema = {
    allOf: [{ $ref: '#/components/schemas/Error' }, { type: 'object', properties: { code: { type: 'string', enum: codes } } }],
  };
  return { ...own, description, content: { 'application/json': { schema } } } as never;
}

function codesIn(schema: object | undefined): ErrorCode[] {
  return (schema as { properties?: { code?: { enum?: ErrorCode[] } } } | undefined)?.properties?.code?.enum ?? [];
}

function documentationPage(summary: string, type: string): Operation {
  return {
    tags: ['system'],
    summary,
    security: [],
    responses: { 200: { description: 'The document.', content: { [type]: { schema: { type: 'string' } } } } },
  };
}
