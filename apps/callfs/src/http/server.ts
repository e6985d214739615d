import type https from 'node:https';
import type { AddressInfo } from 'node:net';
import type { DynamicModule, Type } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import type { NestFastifyApplication } from '@nestjs/platform-fastify';
import { Logger } from 'nestjs-pino';
import type { CallfsConfig, ListenAddress } from '../config/config';
import { loadCertificate } from '../config/startup/certificate';
import { AccessLog } from '../logging/access-log';
import { programLogger } from '../logging/program-logger';
import type { Log } from '../logging/log';
import { Metrics } from '../metrics/catalogue';
import { onCollect } from '../metrics/on-collect';
import { HttpMetrics } from '../metrics/http-metrics';
import type { AuditLog } from '../use-cases/audit/audit-log';
import { RequestAudit } from './audit/request-audit';
import { CallfsAdapter } from './callfs-adapter';
import { CertificateReload } from './certificate-reload';
import type { InternalAnswer, QuickAnswer } from './front';
import { LOG } from './http-shell.module';
import { RequestLimits } from './limits/request-limits';
import { serveDocs } from './openapi/docs-page';
import { RemoteAddress } from './remote-address';
import { RequestAuthenticator } from './request-authenticator';
import { RequestRecorder } from './request-recorder';
import { speaksTls } from './tls';

/**
 * Composes the application and initialises it; it does not listen yet. `appModule` imports `HttpShellModule.forRoot` and
 * binds `RequestAuthenticator`. Rejects with whatever a provider's start rejects with.
 */
export async function createHttpApp(appModule: Type | DynamicModule, config: CallfsConfig): Promise<NestFastifyApplication> {
  const { server } = config;
  const certificate = speaksTls(server) ? loadCertificate(server) : undefined;
  const { readTimeoutMs, writeTimeoutMs } = server;
  const adapter = new CallfsAdapter({ readTimeoutMs, writeTimeoutMs, certificate });
  const app = await NestFactory.create<NestFastifyApplication>(appModule, adapter, {
    bodyParser: false,
    bufferLogs: true,
    abortOnError: false,
    forceCloseConnections: false,
  });
  app.useLogger(programLogger(app.get(Logger)));
  // Nest would do it when it listens, which it does not do here: until then every line is held back.
  app.flushLogs();
  const log = app.get<Log>(LOG);
  const metrics = app.get(Metrics);
  const addresses = app.get(RemoteAddress);
  const recorder = new RequestRecorder(new AccessLog(log), new HttpMetrics(metrics), addresses, log.logger);
  adapter.connect(app.get(RequestAuthenticator), app.get(RequestLimits), recorder);
  onCollect(metrics.uploadsInFlight, (gauge) => gauge.set(adapter.bodies.inFlight));
  if (certificate !== undefined) {
    const server = adapter.server as https.Server;
    adapter.certificate = new CertificateReload(config.server, certificate, server, log.logger, metrics.certificateExpiry);
    adapter.certificate.watch();
  }
  serveDocs(app, adapter.routes);
  await app.init();
  await app.getHttpAdapter().getInstance().ready();
  return app;
}

/** Takes up the certificate as it is in its files now (`SIGHUP`); resolves to whether it was taken. */
export async function reloadCertificate(app: NestFastifyApplication): Promise<boolean> {
  const adapter = app.getHttpAdapter() as unknown as CallfsAdapter;
  return (await adapter.certificate?.reload()) ?? false;
}

/** Lets `quick` answer what it can of these methods before the router sees it. */
export function answerAtOnce(app: NestFastifyApplication, methods: readonly string[], quick: QuickAnswer): void {
  const { front } = app.getHttpAdapter() as unknown as CallfsAdapter;
  for (const method of methods) front.quick.set(method, quick);
}

/** Lets `internal` answer what nodes ask of each other. */
export function answerPeers(app: NestFastifyApplication, internal: InternalAnswer): void {
  (app.getHttpAdapter() as unknown as CallfsAdapter).front.internal = internal;
}

/** From now on what requests do is recorded. */
export function auditRequests(app: NestFastifyApplication, log: AuditLog): void {
  const { observer } = (app.getHttpAdapter() as unknown as CallfsAdapter).front;
  if (observer instanceof RequestRecorder) observer.audit = new RequestAudit(log);
}

/** Listens and resolves to where. Rejects with the system's error (`EADDRINUSE`, `EACCES`). */
export function listen(app: NestFastifyApplication, address: ListenAddress): Promise<AddressInfo> {
  const server = app.getHttpServer();
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen({ port: address.port, host: address.host === '' ? undefined : address.host }, () => {
      server.removeListener('error', reject);
      resolve(server.address() as AddressInfo);
    });
  });
}
