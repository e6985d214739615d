import type { NestFastifyApplication } from '@nestjs/platform-fastify';
import { SwaggerModule, type OpenAPIObject } from '@nestjs/swagger';
import type { FastifyReply, FastifyRequest } from 'fastify';
import type { RouteCatalogue } from '../route-catalogue';
import { buildDocument } from './document';
import { PreparedDocument } from './prepared-document';

/** The page runs its own scripts and styles, all from this server, and asks this server alone. */
export const DOCS_CONTENT_SECURITY_POLICY =
  "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; " +
  "font-src 'self'; connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

/** Serves `/docs` and `/docs-json`; the document is built when it is first asked for, when all routes are known. */
export function serveDocs(app: NestFastifyApplication, routes: RouteCatalogue): void {
  let built: OpenAPIObject | undefined;
  const document = () => (built ??= buildDocument(app, routes));
  SwaggerModule.setup('docs', app, document, {
    raw: false,
    customSiteTitle: 'CallFS API',
    swaggerOptions: { persistAuthorization: false },
  });
  const prepared = new PreparedDocument(document);
  app.getHttpAdapter().get('/docs-json', (request: FastifyRequest, reply: FastifyReply) => prepared.answer(request, reply));
}
