import { LockService } from '@callfs/locking';
import { MetadataStore } from '@callfs/metadata';
import { StorageProviders } from '@callfs/storage';
import { InternalRoutes } from './cluster/internal-routes';
import { PeerGate } from './cluster/peer-gate';
import { PeerSecret } from './cluster/peer-signature';
import { BootId } from './composition/boot-id';
import { NodeRegistry } from './cluster/node-registry';
import { PeerWatch } from './cluster/peer-watch';
import { registerNodeGauges } from './composition/node-gauges';
import { registerNodeHealth } from './composition/node-health';
import type { CallfsConfig } from './config/config';
import { AppModule } from './app.module';
import { QuickRead } from './http/files/quick-read';
import { QuickWrite } from './http/files/quick-write';
import { HealthChecks } from './http/health/health-checks';
import { RequestLimits } from './http/limits/request-limits';
import { PublicUrl } from './http/public-url';
import { answerAtOnce, answerPeers, auditRequests, createHttpApp, listen, reloadCertificate } from './http/server';
import { speaksTls } from './http/tls';
import { Metrics } from './metrics/catalogue';
import { AuditLog } from './use-cases/audit/audit-log';
import { FsckService } from './use-cases/upkeep/fsck.service';

/** A server that answers requests. */
export interface RunningServer {
  /** Where it listens: scheme, host and port. */
  readonly url: string;
  /** Takes no new requests, lets those under way end (`server.shutdown_grace`), lets go of everything. */
  close(): Promise<void>;
  /** Takes up the certificate as it is in its files now; resolves to whether it was taken. */
  reload(): Promise<boolean>;
}

/** Opens the engines, puts right what a crash left, and listens. Rejects with nothing half-started. */
export async function startServer(config: CallfsConfig): Promise<RunningServer> {
  const app = await createHttpApp(AppModule.forRoot(config), config);
  try {
    const [store, locks, storage] = [app.get(MetadataStore), app.get(LockService), app.get(StorageProviders)];
    registerNodeHealth(app.get(HealthChecks), store, locks, storage, app.get(NodeRegistry), app.get(PeerWatch));
    registerNodeGauges(app.get(Metrics), storage, store);
    auditRequests(app, app.get(AuditLog, { strict: false }));
    // They pass every limit by.
    const limits = app.get(RequestLimits);
    if (!limits.concern('read')) answerAtOnce(app, ['GET', 'HEAD'], app.get(QuickRead, { strict: false }));
    if (!limits.concern('write')) answerAtOnce(app, ['PUT'], app.get(QuickWrite, { strict: false }));
    const secret = new PeerSecret(config.auth.internalProxySecret);
    const gate = new PeerGate(secret, config.instanceDiscovery.instanceId);
    answerPeers(app, new InternalRoutes(gate, secret, storage, app.get(BootId).value, app.get(FsckService, { strict: false })));
    const nodes = app.get(NodeRegistry);
    // Before the first lock: by an old entry, others would take this run for one that is dead.
    await nodes.register(endpointOf(config) ?? '');
    const { port } = await listen(app, config.server.listenAddr);
    const host = config.server.listenAddr.host || 'localhost';
    const url = `${speaksTls(config.server) ? 'https' : 'http'}://${host.includes(':') ? `[${host}]` : host}:${port}`;
    app.get(PublicUrl).listeningAt(url);
    await nodes.registerAt(endpointOf(config) ?? url);
    if (!nodes.isAlone) app.get(PeerWatch).begin();
    return { url, close: () => app.close(), reload: () => reloadCertificate(app) };
  } catch (error) {
    await app.close();
    throw error;
  }
}

/** Where the other nodes are to reach this one, as far as that is configured. */
function endpointOf({ instanceDiscovery, server }: CallfsConfig): string | undefined {
  return instanceDiscovery.peerEndpoints[instanceDiscovery.instanceId] ?? server.externalUrl;
}
