import type { INestApplication } from '@nestjs/common';
import { SwaggerModule } from '@nestjs/swagger';
import type { RouteCatalogue } from '../route-catalogue';
import { buildDocument } from './document';

/** The page runs its own scripts and styles, all from this server, and asks this server alone. */
export const DOCS_CONTENT_SECURITY_POLICY =
  "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; " +
  "font-src 'self'; connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

/** Serves `/docs` and `/docs-json`; the document is built when it is first asked for, when all routes are known. */
export function serveDocs(app: INestApplication, routes: RouteCatalogue): void {
  SwaggerModule.setup('docs', app, () => buildDocument(app, routes), {
    jsonDocumentUrl: 'docs-json',
    raw: ['json'],
    customSiteTitle: 'CallFS API',
    swaggerOptions: { persistAuthorization: false },
  });
}
