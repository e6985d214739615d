import { Counter, Gauge, Histogram, register } from 'prom-client';

const FAST = [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10];

function counter<L extends string>(name: string, help: string, labelNames: readonly L[] = []): Counter<L> {
  return (register.getSingleMetric(name) as Counter<L> | undefined) ?? new Counter({ name, help, labelNames: [...labelNames] });
}

function gauge<L extends string>(name: string, help: string, labelNames: readonly L[] = []): Gauge<L> {
  return (register.getSingleMetric(name) as Gauge<L> | undefined) ?? new Gauge({ name, help, labelNames: [...labelNames] });
}

function histogram<L extends string>(name: string, help: string, labelNames: readonly L[]): Histogram<L> {
  const existing = register.getSingleMetric(name) as Histogram<L> | undefined;
  return existing ?? new Histogram({ name, help, labelNames: [...labelNames], buckets: FAST });
}

/**
 * Every metric there is, its name, labels and meaning: dashboards, alert rules and documents name these and no others.
 * Label values come from small fixed sets; paths, users and keys never are one.
 */
export class Metrics {
  readonly httpRequests = counter('callfs_http_requests_total', 'Requests answered, by method, route and status.', [
    'method',
    'path',
    'status_code',
  ]);
  readonly httpDuration = histogram(
    'callfs_http_request_duration_seconds',
    'Seconds from the head of a request to the end of its answer.',
    ['method', 'path'],
  );
  readonly backendOperations = counter('callfs_backend_ops_total', 'Calls of the storage backends.', [
    'backend_type',
    'operation',
    'status',
  ]);
  readonly backendDuration = histogram('callfs_backend_op_duration_seconds', 'Seconds that a call of a storage backend took.', [
    'backend_type',
    'operation',
  ]);
  readonly metadataQueries = counter('callfs_metadata_db_queries_total', 'Calls of the metadata store.', ['operation']);
  readonly metadataDuration = histogram(
    'callfs_metadata_db_query_duration_seconds',
    'Seconds that a call of the metadata store took.',
    ['operation'],
  );
  readonly lockOperations = counter('callfs_lock_operations_total', 'Lock operations, by outcome.', ['operation', 'status']);
  readonly lockDuration = histogram(
    'callfs_lock_operation_duration_seconds',
    'Seconds that a lock operation took, waiting included.',
    ['operation'],
  );
  readonly activeLocks = gauge('callfs_active_locks', 'Locks that this node holds.');
  readonly locksReclaimed = counter('callfs_locks_stale_reclaimed_total', 'Leases taken over from holders that were gone.');
  readonly locksLost = counter('callfs_locks_lost_total', 'Leases that this node lost while it was at work.');
  readonly locksFenced = counter('callfs_locks_fenced_total', 'Commits refused because their lock had been lost.');
  readonly fileOperations = counter('callfs_file_operations_total', 'File operations that succeeded.', [
    'operation',
    'backend_type',
  ]);
  readonly crossServerOperations = counter('callfs_cross_server_operations_total', 'Requests to peer nodes.', [
    'operation',
    'status',
  ]);
  readonly linkGenerations = counter('callfs_single_use_link_generations_total', 'Download links made.');
  readonly linkConsumptions = counter('callfs_single_use_link_consumptions_total', 'Uses of download links, by outcome.', [
    'status',
  ]);
  readonly linksExpired = counter('callfs_single_use_links_expired_total', 'Download links forgotten after they expired.');
  readonly errors = counter('callfs_errors_total', "Errors that are not the client's fault.", ['component', 'error_type']);
  readonly logLinesLost = counter(
    'callfs_log_lines_lost_total',
    'Lines that are not in the log, since it could not be written or was read too slowly.',
  );
  readonly cacheOperations = counter('callfs_cache_operations_total', 'Look-ups and changes of the metadata cache.', [
    'operation',
  ]);
  readonly bytes = counter('callfs_bytes_total', 'Bytes of content, by direction (in, out).', ['direction']);
  readonly uploadsInFlight = gauge('callfs_uploads_in_flight', 'Uploads whose body is being received.');
  readonly uploadsExpired = counter('callfs_uploads_expired_total', 'Uploads in parts that were given up, with their bytes.');
  readonly certificateExpiry = gauge('callfs_tls_cert_expiry_seconds', 'Seconds until the TLS certificate expires.');
  readonly orphanedBlobs = counter(
    'callfs_orphaned_blobs_total',
    'Blobs that belonged to nothing, found by the sweep and given to the collector.',
    ['backend_type'],
  );
  readonly scrubBlobs = counter(
    'callfs_scrub_blobs_total',
    'Blobs that the scrub has checked, by outcome (ok, repaired, missing, wrong_size, damaged, unreadable).',
    ['status'],
  );
  readonly scrubBytes = counter('callfs_scrub_bytes_total', 'Bytes of content that the scrub has checked.');
  readonly underReplicated = gauge(
    'callfs_under_replicated_contents',
    'Contents with fewer blobs on nodes that answer than storage.replicas asks for, as this node counted last.',
  );
  readonly replicaCopies = counter(
    'callfs_replica_copies_total',
    'Further blobs of contents that were to be made, by reason (write, heal) and outcome (ok, failed).',
    ['reason', 'status'],
  );
  readonly storageBytes = gauge(
    'callfs_storage_bytes',
    'Bytes of the medium below a backend (free, total), and of all content by how it is kept (content: inline, blobs).',
    ['backend_type', 'state'],
  );
}
