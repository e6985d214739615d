import type { RegisteredNode } from '../../cluster/node-registry';

/** A node as the API and `callfs nodes` show it. */
export interface NodeView {
  readonly instance_id: string;
  readonly state: RegisteredNode['state'];
  readonly endpoint: string;
  readonly version: string;
  readonly started_at: string;
  /** By the node's own clock; null: it has said goodbye. */
  readonly heartbeat_at: string | null;
  readonly boot_id: string;
}

export function nodeView(node: RegisteredNode): NodeView {
  return {
    instance_id: node.instanceId,
    state: node.state,
    endpoint: node.endpoint,
    version: node.version,
    started_at: new Date(node.startedMs).toISOString(),
    heartbeat_at: node.heartbeatMs === 0 ? null : new Date(node.heartbeatMs).toISOString(),
    boot_id: node.bootId,
  };
}

const text = { type: 'string' };

export const NODE_SCHEMA = {
  type: 'object',
  properties: {
    instance_id: text,
    state: { type: 'string', enum: ['alive', 'silent', 'stopped'] },
    endpoint: text,
    version: text,
    started_at: { type: 'string', format: 'date-time' },
    heartbeat_at: { type: 'string', format: 'date-time', nullable: true },
    boot_id: text,
  },
};
